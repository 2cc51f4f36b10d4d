"""What a training of a classifier gives, however its parts were decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foretell.artifacts.kept_teacher import KeptTeacher
from foretell.artifacts.weights import Weights
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.figures import Measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The parts of a classifier.

    Attributes:
        weights: the network's, by name.
        linear: the n-gram linear model, or None.
        tfidf: the linear models whose scores are added to those of `linear`.
        teacher: a sentence encoder that is kept, whose scores are added too; None: none.
        ensemble: how network and linear models are combined.
        metrics: what metrics.json holds.
        measured: the answers to texts that the classifier has not seen; None: there are none.
    """

    weights: Weights
    linear: LinearModel | None
    tfidf: tuple[TfidfModel, ...] = ()
    teacher: KeptTeacher | None = None
    ensemble: Ensemble | LabelwiseEnsemble
    metrics: dict[str, Any] = field(default_factory=dict)
    measured: Measured | None = None
