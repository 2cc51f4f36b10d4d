"""`Model`: everything that a model directory holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import KeptTeacher
from foretell.artifacts.weights import Weights
from foretell.config import Job, LabelsSettings, Settings, WordsSettings, to_dict
from foretell.data.label_types import LabelType, ordered, values_of_names
from foretell.errors import ArtifactError
from foretell.hub.client import address_of
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, LabelwiseEnsemble
from foretell.ngrams.kneser_ney import Interpolation, KneserNey
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.text.tokenizer import Tokenizer

_MAX_ENSEMBLE_WEIGHT = 1e12


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A trained model.

    Attributes:
        job: "words" or "labels".
        preset: the name of the preset that the settings started from.
        settings: every setting of the training.
        tokenizer: the tokenizer.
        weights: name to float32 array, named as in `artifacts.weights`.
        labels: the labels, sorted as their type is, in the order of the output; none for words.
        label_type: the type of the values that the labels stand for.
        text_columns: the columns of a table whose texts were joined in training; empty: one column.
        linear: the n-gram linear model of a classifier; None: it has none.
        tfidf: linear models of a classifier, whose scores are added to those of `linear`: of TF-IDF
            values, and of words' mean embeddings.
        teacher: a sentence encoder that a classifier keeps, whose scores are added too; None: it
            keeps none.
        kneser_ney: the Kneser–Ney model of a language model; None: it has none.
        ensemble: how a classifier combines network and linear model; where texts may have several
            labels, for each label, with its threshold.
        interpolation: how a language model combines network and Kneser–Ney model; None: the network
            answers alone.
        cache: the parameters of a language model's continuous cache; None: they were not fitted.
        metrics: metrics of the training: whatever JSON can hold, and NumPy's numbers.
        ancestors: the SHA-256 of manifest.json of each model that this one continues, its own
            ancestor first.
        path: the model directory it was read from; None for a model in memory.
        sha256: the SHA-256 of its manifest.json when it was read; "" for a model in memory.
        written_by: the version of foretell that wrote the directory; "" where config.json has none.
        files: size and SHA-256 of each file of the directory when it was read.
    """

    job: Job
    preset: str
    settings: Settings
    tokenizer: Tokenizer
    weights: Weights = field(default_factory=dict, repr=False)
    labels: list[str] = field(default_factory=list)
    label_type: LabelType = "text"
    text_columns: tuple[str, ...] = ()
    linear: LinearModel | None = None
    tfidf: tuple[TfidfModel, ...] = ()
    teacher: KeptTeacher | None = None
    kneser_ney: KneserNey | None = None
    ensemble: Ensemble | LabelwiseEnsemble = NETWORK_ALONE
    interpolation: Interpolation | None = None
    cache: ContinuousCache | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    ancestors: tuple[str, ...] = ()
    path: Path | None = None
    sha256: str = ""
    written_by: str = ""
    files: Mapping[str, manifest.Entry] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """The model directory.

        Raises:
            ArtifactError: the model is only in memory.
        """
        if self.path is None:
            raise ArtifactError(
                "a model that was read from a directory",
                "a model in memory",
                fix="write it first",
            )
        return self.path

    @property
    def lineage(self) -> tuple[str, ...]:
        """The SHA-256 of its manifest.json, and those of its own ancestors, the last one first."""
        return (self.sha256, *self.ancestors)

    def record(self) -> dict[str, object]:
        """Return what is in the model directory: job, vocabulary, size, labels, metrics and
        settings.
        """
        address = address_of(self.directory)
        return {
            "path": str(self.directory),
            "hub": None if address is None else str(address),
            "job": self.job,
            "preset": self.preset,
            "foretell": self.written_by,
            "vocabulary": self.tokenizer.size,
            "bytes": sum(
                file.stat().st_size for file in self.directory.iterdir() if file.is_file()
            ),
            "ancestors": list(self.ancestors),
            "labels": self.labels,
            "metrics": self.metrics,
            "settings": to_dict(self.settings),
        }


def check_model(model: Model) -> None:
    """Check that the parts of a model fit each other; weights are checked by
    `weights.check_weights`.

    Raises:
        ArtifactError: they do not.
    """
    if isinstance(model.settings, WordsSettings) != (model.job == "words"):
        raise ArtifactError(f"settings for {model.job}", type(model.settings).__name__)
    (_check_words if model.job == "words" else _check_labels)(model)


def _check_labels(model: Model) -> None:
    labels = model.labels
    several = isinstance(model.settings, LabelsSettings) and bool(model.settings.multi_label)
    if len(labels) < 2 or not _are_valid(labels, model.label_type, several=several):
        order = "different" if several else "sorted"
        raise ArtifactError(
            f"two or more labels, {order}, of the type {model.label_type}",
            repr(labels)[:100],
        )
    wrong = _wrong_member(model, several=several) or _wrong_ensemble(model, several=several)
    if wrong:
        raise wrong_weights("ensemble", wrong, model.path)


def _wrong_member(model: Model, *, several: bool) -> str:
    """Return what is wrong with a linear model or a teacher; "" for nothing."""
    n_labels = len(model.labels)
    n_columns = 1 if n_labels == 2 and not several else n_labels
    for member in (model.linear, *model.tfidf, model.teacher):
        if member is not None and (model.linear is None or len(member.bias) != n_columns):
            return f"a linear model of {len(member.bias)} columns for {n_labels} labels"
    return ""


def _wrong_ensemble(model: Model, *, several: bool) -> str:
    """Return what is wrong with the weights of the members; "" for nothing."""
    ensemble = model.ensemble
    if ensemble.linear and model.linear is None:
        return "a weight for a linear model that is not there"
    if isinstance(ensemble, LabelwiseEnsemble) != several:
        return "weights for each label of a model with one label per text, or the reverse"
    if not ensemble.network and not ensemble.linear:
        return "no weight above 0"
    n_labels = len(model.labels)
    sizes = _sizes(ensemble)
    allowed = {n_labels} if several else {0, n_labels}
    if not sizes <= allowed:
        return f"weights or offsets of {sorted(sizes)} labels for {n_labels}"
    # Larger ones overflow, and infinity less infinity is no number.
    numbers = np.hstack([ensemble.network, ensemble.linear, ensemble.offsets, 0.0])
    if not np.abs(numbers).max() <= _MAX_ENSEMBLE_WEIGHT:
        return f"weights above {_MAX_ENSEMBLE_WEIGHT:g}"
    return ""


def _sizes(ensemble: Ensemble | LabelwiseEnsemble) -> set[int]:
    """Return for how many labels the numbers of an ensemble are."""
    if not isinstance(ensemble, LabelwiseEnsemble):
        return {len(ensemble.offsets)}
    weights = [weight for weight in (ensemble.network, ensemble.linear) if weight]
    return {len(numbers) for numbers in (ensemble.offsets, ensemble.thresholds, *weights)}


def _are_valid(labels: list[str], label_type: LabelType, *, several: bool) -> bool:
    """Return whether labels are distinct, of their type, and, where a text has one of them,
    sorted.
    """
    try:
        values_of_names(labels, label_type)
        in_order = several or labels == ordered(labels, label_type)
        return in_order and len(set(labels)) == len(labels)
    except ValueError:
        return False


def _check_words(model: Model) -> None:
    if model.labels:
        raise ArtifactError("no labels for words", repr(model.labels)[:100])
    if model.interpolation is not None and (wrong := _wrong_interpolation(model)):
        raise wrong_weights("interpolation", wrong, model.path)


def _wrong_interpolation(model: Model) -> str:
    """Return what is wrong with the weights of the Kneser–Ney model; "" for nothing."""
    kneser_ney = model.kneser_ney
    size = model.tokenizer.size
    assert model.interpolation is not None
    n_weights = len(model.interpolation.kneser_ney_weights)
    if kneser_ney is None:
        return "weights for a Kneser–Ney model that is not there"
    if kneser_ney.size != size:
        return f"a Kneser–Ney model of {kneser_ney.size:,} ids, a tokenizer of {size:,}"
    if not all(len(level.keys) for level in kneser_ney.levels):
        return "a Kneser–Ney model without n-grams of an order"
    if n_weights != kneser_ney.order:
        return f"{n_weights} weights for contexts of 0 to {kneser_ney.order - 1} words"
    return ""


def wrong_weights(kind: str, found: str, path: Path | None) -> ArtifactError:
    """Return the error for ensemble or interpolation weights that do not fit their model."""
    return ArtifactError(
        f"{kind} weights that fit this model",
        found,
        where="" if path is None else str(path / manifest.CONFIG),
        fix="train the model again",
    )
