"""`TextClassifier`: a scikit-learn estimator that learns labels from texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.artifacts.packed import Home
from foretell.config import DEFAULT_PRESET, LabelsSettings, preset, to_dict, with_changes
from foretell.errors import DataError
from foretell.runtime.labels.classifier import LabelsRuntime, Verdict
from foretell.runtime.labels.explanation import Explanation, Word

if TYPE_CHECKING:
    from foretell.data.examples import Examples

__all__ = ["Explanation", "TextClassifier", "Verdict", "Word"]

SETTINGS = tuple(f.name for f in dataclasses.fields(LabelsSettings))
TEXTS_AT_ONCE = 256


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns to label texts: a scikit-learn classifier whose X is texts.

    Every parameter but `preset` is a field of `LabelsSettings`; None means the preset's value. Training needs
    the extra `foretell[train]`; a fitted classifier, a pickled one included, predicts without TensorFlow.

    List in, list out; iterator in, iterator out; array in, array out. One text and a batch give the same
    numbers.

    Attributes:
        classes_: the labels, sorted, [label].
        metrics_: the figures of the training, on the part that was held out.
    """

    def __init__(
        self,
        preset: str = DEFAULT_PRESET,
        *,
        seed: int | None = None,
        lowercase: bool | None = None,
        min_count: int | None = None,
        vocabulary: int | None = None,
        embedding_size: int | None = None,
        units: int | None = None,
        dropout: float | None = None,
        optimizer: Literal["adam", "sgd"] | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        minutes: float | None = None,
        valid_fraction: float | None = None,
        patience: int | None = None,
        network: Literal["article", "bilstm", "cnn-lstm"] | None = None,
        tokens: Literal["keras", "words"] | None = None,
        length: int | None = None,
        batch_size: int | None = None,
        momentum: float | None = None,
        dense_units: int | None = None,
        recurrent_dropout: float | None = None,
        filters: int | None = None,
        kernel_size: int | None = None,
        pool_size: int | None = None,
        keep: Literal["last", "best"] | None = None,
        linear: bool | None = None,
        linear_vocabulary: int | None = None,
        refit: bool | None = None,
        cooccurrence_embeddings: bool | None = None,
        text_vectors: bool | None = None,
        min_steps: int | None = None,
        max_steps: int | None = None,
    ) -> None:
        self.preset = preset
        self.seed = seed
        self.lowercase = lowercase
        self.min_count = min_count
        self.vocabulary = vocabulary
        self.embedding_size = embedding_size
        self.units = units
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.minutes = minutes
        self.valid_fraction = valid_fraction
        self.patience = patience
        self.network = network
        self.tokens = tokens
        self.length = length
        self.batch_size = batch_size
        self.momentum = momentum
        self.dense_units = dense_units
        self.recurrent_dropout = recurrent_dropout
        self.filters = filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.keep = keep
        self.linear = linear
        self.linear_vocabulary = linear_vocabulary
        self.refit = refit
        self.cooccurrence_embeddings = cooccurrence_embeddings
        self.text_vectors = text_vectors
        self.min_steps = min_steps
        self.max_steps = max_steps

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn from texts and their labels.

        Args:
            X: texts, [text]: a list, an array, a column of a DataFrame, an iterator; or, without `y`, a file,
                a folder, a named set or a DataFrame that holds the labels too.
            y: the label of each text, [text]: strings, integers or booleans.

        Raises:
            MissingExtraError: TensorFlow is not installed.
            SettingsError: no such preset, or a parameter out of range.
            DataError: texts or labels that cannot be learned from.
        """
        from foretell.machine import require_training

        require_training()
        settings = self._settings()
        examples, classes = _examples(X, y)
        from foretell.data.split import make_split
        from foretell.training.labels.train import train_labels
        from foretell.training.options import TrainOptions

        home = Home()
        split = make_split(examples, fraction=settings.valid_fraction, seed=settings.seed)
        train_labels(split, settings, TrainOptions(out=home.path, preset=self.preset))
        self._open(home, classes)
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the likeliest label of each text, [text]: a list for a list, an iterator for an iterator.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
        """
        check_is_fitted(self, "classes_")
        if isinstance(X, Iterator):
            return (label for rows in _chunks(X) for label in self._labels_of(rows).tolist())
        labels = self._labels_of(_texts(X))
        return labels.tolist() if isinstance(X, list | tuple) else labels

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Return the probability of each label, [text, label] as in `classes_`; for an iterator, its rows.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
        """
        check_is_fitted(self, "classes_")
        if isinstance(X, Iterator):
            return (row for rows in _chunks(X) for row in self._probabilities(rows))
        return self._probabilities(_texts(X))

    def classify(self, X: Any, *, abstain_below: float | None = None) -> Any:  # noqa: N803
        """Return a verdict for each text, [text]: a list, or an iterator for an iterator.

        A `Verdict` has the label (as in `classes_`), its probability, the probability of every label, and
        `flags`: what is unusual about the text, such as mostly unknown words.

        >>> for verdict in clf.classify(texts, abstain_below=0.8):
        ...     print(verdict.reason or verdict.label, verdict.probability, *verdict.flags)

        Args:
            X: texts, [text], as for `predict`.
            abstain_below: where the likeliest label has a lower probability than this, 0 to 1, the label is
                "" and `reason` says why ("below 0.8"); None: every text gets a label, as from `predict`.
                `foretell evaluate`, and the report of the training, show what a threshold gains and costs.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
            SettingsError: `abstain_below` not from 0 to 1.
        """
        check_is_fitted(self, "classes_")
        lazy = isinstance(X, Iterator)
        texts = (text for chunk in _chunks(X) for text in chunk) if lazy else _texts(X)
        verdicts = map(self._with_classes, self._runtime.classify(texts, abstain_below=abstain_below))
        return verdicts if lazy else list(verdicts)

    @overload
    def explain(self, X: str) -> Explanation: ...  # noqa: N803
    @overload
    def explain(self, X: list[str]) -> list[Explanation]: ...  # noqa: N803
    @overload
    def explain(self, X: Any) -> Any: ...  # noqa: N803
    def explain(self, X: Any) -> Any:  # noqa: N803
        """Tell what each word of a text did to its label: an `Explanation`.

        It has the label, its probability, the effect of each word (how the label's log-odds change when that
        word alone is taken out), the running verdict along the text, and the linear model's share of each
        word. What exactly is claimed: `foretell.runtime.labels.explanation`, and docs/explain.md.

        >>> why = clf.explain("Cold soup, rude waiter.")
        >>> max(why.words, key=lambda word: word.effect).text
        'rude'

        Args:
            X: a text; or texts, [text]: a list for a list, an iterator for an iterator.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
        """
        check_is_fitted(self, "classes_")
        if isinstance(X, str):
            return self._explanation(X)
        if isinstance(X, Iterator):
            return (self._explanation(text) for rows in _chunks(X) for text in rows)
        return [self._explanation(text) for text in _texts(X)]

    def save(self, path: str | Path) -> None:
        """Write the model directory to `path`, whole or not at all; an older model there is replaced.

        Labels are saved as strings: loaded again, 1 is "1".

        Raises:
            NotFittedError: `fit` was not called.
            ArtifactError: something that is not foretell's is there, or it cannot be written.
        """
        check_is_fitted(self, "classes_")
        self._home.save(path)

    @classmethod
    def load(cls, path: str | Path, *, threads: int | None = None) -> Self:
        """Open a model directory for labels, verified. Needs no TensorFlow.

        Args:
            path: the model directory.
            threads: threads that one operator may use; None: the processors of this process, at most 4.

        Raises:
            ArtifactError: it cannot be trusted (each reason has its own subclass).
            UsageError: it is for words.
        """
        return cls.from_model(open_verified(path), threads=threads)

    @classmethod
    def from_model(cls, model: Model, *, threads: int | None = None) -> Self:
        """Open a model that `open_verified` returned; see `load`."""
        runtime = LabelsRuntime.from_model(model, threads=threads)
        made = cls(preset=model.preset, **to_dict(model.settings))
        made._open(Home(model.directory), np.array(runtime.labels), runtime)
        return made

    def _settings(self) -> LabelsSettings:
        changes = {name: getattr(self, name) for name in SETTINGS}
        given = {name: _python(value) for name, value in changes.items() if value is not None}
        return with_changes(cast(LabelsSettings, preset("labels", self.preset)), given)

    def _open(self, home: Home, classes: npt.NDArray[Any], runtime: LabelsRuntime | None = None) -> None:
        self._home = home
        self._runtime = LabelsRuntime.open(home.path) if runtime is None else runtime
        self.classes_ = classes
        self.metrics_ = self._runtime.metrics
        # The model's columns are sorted as strings; ours as the labels are, so 10 comes after 9.
        place = {name: i for i, name in enumerate(self._runtime.labels)}
        self._columns = [place[str(label)] for label in classes.tolist()]

    def _probabilities(self, texts: list[str]) -> npt.NDArray[np.float32]:
        return self._runtime.predict_proba(texts)[:, self._columns]

    def _labels_of(self, texts: list[str]) -> npt.NDArray[Any]:
        labels: npt.NDArray[Any] = self.classes_[self._probabilities(texts).argmax(axis=1)]
        return labels

    def _with_classes(self, verdict: Verdict) -> Verdict:
        """Return a verdict whose labels are of the type that `fit` was given, in the order of `classes_`."""
        found = {label: verdict.probabilities[str(label)] for label in self.classes_.tolist()}
        label = "" if verdict.reason else max(found, key=found.__getitem__)
        return dataclasses.replace(verdict, label=label, probabilities=found)

    def _explanation(self, text: str) -> Explanation:
        found = self._runtime.explain(text)
        labels = {str(label): label for label in self.classes_.tolist()}
        return dataclasses.replace(found, label=labels[found.label])

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_runtime", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_home" in state:
            self._runtime = LabelsRuntime.open(self._home.path)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _examples(source: Any, y: Any) -> tuple[Examples, npt.NDArray[Any]]:
    """Return the examples with labels as strings, and the labels themselves, sorted."""
    from foretell.data.examples import Examples, read_examples

    if y is None:
        if not isinstance(source, str | Path) and not hasattr(source, "columns"):
            raise DataError(
                expected="a label for each text", found="none: y is None",
                fix="this estimator requires y to be passed: fit(texts, labels)",
            )  # fmt: skip
        examples = read_examples(source)
        return examples, np.unique(np.array(examples.labels, dtype=str))
    texts, labels = _texts(source), _label_array(y)
    if len(texts) != len(labels):
        raise DataError(expected=f"{len(texts)} labels, one for each text", found=f"{len(labels)}")
    classes = np.unique(labels)
    names = [str(label) for label in classes.tolist()]
    if len(set(names)) != len(names):
        raise DataError(expected="labels that differ as text", found=", ".join(names)[:100])
    return Examples(texts, [str(label) for label in labels.tolist()], [], "examples"), classes


def _label_array(y: Any) -> npt.NDArray[Any]:
    """Return labels as an array [text] of one type."""
    labels = np.asarray(list(y) if isinstance(y, Iterator) else y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            expected="one label for each text", found=f"an array of shape {labels.shape}", where="y"
        )
    for place, label in enumerate(labels.tolist()):
        # NaN is the one value that differs from itself.
        if label is None or label != label:
            raise DataError(expected="a label", found=f"{label}", where=f"y[{place}]", fix="drop this text")
    check_classification_targets(labels)
    return labels


def _texts(source: Any) -> list[str]:
    """Return texts as a list of strings, whatever holds them."""
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise DataError(
            expected="several texts",
            found=f"one {type(source).__name__}",
            where="X",
            fix="give a list: [text]",
        )
    if hasattr(source, "columns"):
        source = cast(Any, source).to_numpy()
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.shape[1] == 1:
        source = source[:, 0]
    texts = list(source)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(expected="a text", found=f"{text!r:.60}", where=f"X[{place}]")
    return texts


def _chunks(texts: Iterator[Any]) -> Iterator[list[str]]:
    """Read an iterator in chunks: small ones first, so that the first answers come at once."""
    size, chunk = 1, []
    for text in texts:
        chunk.append(text)
        if len(chunk) == size:
            yield _texts(chunk)
            size, chunk = min(2 * size, TEXTS_AT_ONCE), []
    if chunk:
        yield _texts(chunk)


def _python(value: Any) -> Any:
    """Return NumPy's numbers, which a parameter grid may hold, as Python's."""
    return value.item() if isinstance(value, np.generic) else value
