"""What both public classes do: report, save and export the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from foretell.artifacts.directory import Home
from foretell.config import LabelsSettings
from foretell.data.corpus import Corpus, corpus_of
from foretell.data.examples import Examples, read_examples
from foretell.hub.models import local_path
from foretell.training.report import Report, report_of

if TYPE_CHECKING:
    import keras

    from foretell.export.formats import Format
    from foretell.export.model_export import Exported
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime

Runtime = TypeVar("Runtime", bound="LabelsRuntime | WordsRuntime")


class Trained(Generic[Runtime]):
    """A trained model: what `TextClassifier` and `LanguageModel` have in common."""

    _home: Home
    _kind: type[Runtime]
    _runtime: Runtime

    @classmethod
    def load(cls, path: str | Path, *, threads: int | None = None) -> Self:
        """Open a model directory for the job of this class, verified. Needs no TensorFlow.

        Args:
            path: the model directory, or `hf://owner/name[@revision]`.
            threads: batches computed at the same time; None: the processors of this process, at
                most 4.

        Raises:
            ArtifactError: it cannot be trusted (each reason has its own subclass).
            UsageError: it is for the other job.
        """
        return cls.from_runtime(cls._kind(path, threads=threads))

    @classmethod
    def from_runtime(cls, runtime: Runtime) -> Self:
        """Return the model of an open runtime."""
        raise NotImplementedError

    def report(self) -> Report:
        """Return the report of the training: metrics, curves and calibration, as HTML.

        A notebook shows it. `report().path` is the file that the training wrote,
        `report().save(path)` writes a copy.

        Raises:
            NotFittedError: `fit` was not called.
        """
        model = self._opened().model
        return report_of(model.directory, model.metrics)

    def export(
        self,
        format: Format = "onnx",
        path: str | Path | None = None,
        *,
        int8: bool = False,
        data: object = None,
        max_loss: float = 0.01,
        max_ngrams: int | None = None,
        runtime: str | Path | None = None,
    ) -> Exported:
        """Write the model as a folder for another program, and compare its answers with this
        model's.

        Args:
            format: "onnx" (ONNX Runtime, any language), "web" (a static folder that runs in the
                browser) or "arpa" (the Kneser–Ney model of a language model, for KenLM and others).
            path: the folder to write; None: the name of the model directory and of the format.
            int8: store the weights in 8 bits, those of a language model in 12. Needs `data`.
            data: what to compare the answers on: labelled texts, as `fit` takes them without `y`,
                or text, as `LanguageModel.train` takes it.
            max_loss: the maximum loss of accuracy by `int8`, 0 to 1.
            max_ngrams: n-grams of two or more words that are kept of a language model's Kneser–Ney
                model, for a smaller file; None: all.
            runtime: for "web", the npm package onnxruntime-web as a file; None: it is downloaded
                once.

        Raises:
            NotFittedError: `fit` was not called.
            UsageError: no such format, or 8 bits without data.
            SettingsError: `max_loss` or `max_ngrams` out of range.
            MissingExtraError: what the format needs is not installed.
            ArtifactError: the copy answers differently or loses too much; nothing is written.
        """
        model = self._opened().model
        from foretell.export.model_export import export_model

        test_data: Examples | Corpus | None = None
        if data is not None:
            if isinstance(model.settings, LabelsSettings):
                test_data = read_examples(data, part="test", multi_label=model.settings.multi_label)
            else:
                test_data = corpus_of(data, None, part="test")
        folder = f"{self._home.path.name}-{format}" if path is None else path
        return export_model(
            model,
            folder,
            format,
            int8=int8,
            data=test_data,
            max_loss=max_loss,
            max_ngrams=max_ngrams,
            runtime=runtime,
        )

    def to_keras(self) -> keras.Model:
        """Return the network alone as a Keras model, with its weights; see
        `foretell.networks.keras_model`.

        Raises:
            NotFittedError: `fit` was not called.
            MissingExtraError: TensorFlow is not installed.
            ArtifactError: the weights are gone, or no longer those of this model.
        """
        model = self._opened().model
        from foretell.training.quiet import require_tensorflow

        require_tensorflow()
        from foretell.networks.keras_model import keras_model

        return keras_model(model)

    def save(self, path: str | Path) -> None:
        """Write the model directory to `path`, whole or not at all; an older model there is
        replaced.

        Labels keep their type: numbers, booleans and text; dates become text.

        Raises:
            NotFittedError: `fit` was not called.
            ArtifactError: something that is not foretell's is there, or it cannot be written.
        """
        self._opened()
        self._home.save(path)

    def _opened(self) -> Runtime:
        """Return the runtime; raise where there is none yet."""
        return self._runtime


def directory_of(model: str | Path | Trained[LabelsRuntime] | Trained[WordsRuntime]) -> Path:
    """Return the model directory of a path, an address on the Hub, or a trained object.

    Raises:
        NotFittedError: `fit` was not called.
        HubError: the Hub has no such model, or cannot be reached.
    """
    if isinstance(model, Trained):
        model._opened()
        return model._home.path
    return local_path(model)
