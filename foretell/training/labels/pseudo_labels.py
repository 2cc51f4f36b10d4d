"""Step 4 of a classifier's training: soft pseudo-labels for the unlabelled texts (Lee 2013).

The linear model labels them first. Where time and data allow, text vectors and the linear model label them
again, together: the linear model has weights for the n-grams that occur with labels, and the vectors show
which n-grams are used alike. The weights of the two are fitted on the validation texts, whose labels neither
has seen. Only texts that were there when the vectors were made have one; for new texts, the n-grams' vectors
make a second linear model.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.config import LabelsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.linear import LinearModel
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Listener, Note
from foretell.training.labels.ensemble_fit import fit_ensemble
from foretell.training.labels.linear import (
    LinearStep,
    VectorModel,
    fit_and_measure,
    log_probabilities,
    measure,
)
from foretell.training.labels.tokens import Soft, Tokens
from foretell.training.labels.vector_labels import label_by_vectors, texts_of_round, unfinished_round
from foretell.training.run import Run

Arrays = dict[str, npt.NDArray[Any]]

_SOFT, _SHARES = "pseudo_labels/soft", "pseudo_labels/shares"

MIN_TOKENS = 20_000
"""Below 20,000 tokens co-occurrence counts are noise."""

_MAX_TIME_SHARE, _MIN_FITS = 1 / 3, 3.0
"""The part of the remaining time for text vectors. They need at least the time of three linear fits."""


@dataclass(frozen=True, kw_only=True)
class PseudoLabels:
    """The labels of the training texts, and the pseudo-labels of the unlabelled ones, where there are any.

    Attributes:
        soft: float32 [text, label], probabilities: training texts first, then the unlabelled ones.
        linear: the linear model fitted to them.
        vectors: the linear model of the text vectors, where they were made.
    """

    soft: Soft
    linear: LinearStep
    vectors: VectorModel | None = None

    def to_arrays(self) -> Arrays:
        """Return what took long to compute, for a checkpoint; `make_pseudo_labels` reads it."""
        arrays: Arrays = {_SOFT: self.soft}
        if self.vectors is not None:
            shares = np.array([self.vectors.shares.network, self.vectors.shares.linear])
            arrays |= {**self.vectors.model.to_arrays(), _SHARES: shares}
        return arrays


def make_pseudo_labels(
    tokens: Tokens, linear: LinearStep, settings: LabelsSettings, run: Run
) -> PseudoLabels:
    """Label the unlabelled texts, and fit the linear model to all texts.

    Args:
        tokens: the tokenized split; without unlabelled texts, nothing is done.
        linear: the linear model of the labels.
        settings: `text_vectors` and `seed` are read.
        run: its latest checkpoint has the pseudo-labels, or they are saved in a new one. Text vectors take
            at most a third of the time that is left.
    """
    if linear.model is None:
        # Nothing learns from them: an array [text, label] would be large where there are many labels.
        return PseudoLabels(soft=np.zeros((0, len(tokens.labels)), np.float32), linear=linear)
    if not len(tokens.unlabelled):
        return PseudoLabels(soft=tokens.hard, linear=linear)
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _SOFT in checkpoint.arrays:
        return _restored(tokens, checkpoint.arrays)
    pseudo = _by_linear(tokens, linear.model)
    text = "pseudo-labels: the linear model labelled the unlabelled texts and was fitted again"
    run.options.listener(Note(text=text))
    seconds = _MAX_TIME_SHARE * run.budget.left()
    is_resumed = unfinished_round(run) is not None
    if is_resumed or _vectors_pay(tokens, pseudo.linear, settings, seconds, run.options.listener):
        pseudo = _with_vectors(tokens, pseudo.linear, run, seed=settings.seed, seconds=seconds)
    run.checkpoints.save(0, pseudo.to_arrays(), {})
    return pseudo


def texts_in(checkpoint: Checkpoint, n_valid: int) -> int | None:
    """Return how many training and unlabelled texts the pseudo-labels of a checkpoint are of; None: no such.

    Args:
        checkpoint: of the run.
        n_valid: number of validation texts, which the first round of text vectors includes.
    """
    if _SOFT in checkpoint.arrays:
        return len(checkpoint.arrays[_SOFT])
    return texts_of_round(checkpoint, n_valid)


def _by_linear(tokens: Tokens, model: LinearModel) -> PseudoLabels:
    """Label the unlabelled texts by the linear model alone."""
    logs = log_probabilities(model, tokens.unlabelled)
    soft = np.concatenate([tokens.hard, np.exp(logs).astype(np.float32)])
    return PseudoLabels(soft=soft, linear=fit_and_measure(tokens, tokens.all_texts, soft, "linear_"))


def can_make_vectors() -> bool:
    """Return whether text vectors can be made here: Numba has no wheel for every machine."""
    return find_spec("numba") is not None


def _restored(tokens: Tokens, saved: Arrays) -> PseudoLabels:
    vectors = None
    if _SHARES in saved:
        network, linear = saved[_SHARES].tolist()
        shares = Ensemble(network=network, linear=linear)
        vectors = VectorModel(model=LinearModel.from_arrays(saved), shares=shares)
    soft = saved[_SOFT]
    return _fitted(tokens, soft, vectors, fit_and_measure(tokens, tokens.all_texts, soft, "linear_"))


def _vectors_pay(
    tokens: Tokens, linear: LinearStep, settings: LabelsSettings, seconds: float, listener: Listener
) -> bool:
    """Return whether text vectors can be made: enough texts, enough time, and the library for it."""
    if not settings.text_vectors or tokens.valid is None:
        return False
    if len(tokens.all_texts.ids) < MIN_TOKENS or seconds < _MIN_FITS * linear.seconds:
        return False
    if not can_make_vectors():
        listener(Note(text="text vectors, which improve pseudo-labels, need Numba: pip install numba"))
        return False
    return True


def _with_vectors(tokens: Tokens, linear: LinearStep, run: Run, *, seed: int, seconds: float) -> PseudoLabels:
    """Label the unlabelled texts by the linear model and text vectors together."""
    assert linear.model is not None
    assert tokens.valid is not None
    soft, by_vectors, accuracy = label_by_vectors(tokens, linear.model, run, seed=seed, seconds=seconds)
    text = f"pseudo-labels with text vectors: validation accuracy {accuracy:.2%}"
    run.options.listener(Note(text=text))
    fitted = fit_and_measure(tokens, tokens.all_texts, soft, "linear_")
    assert fitted.valid is not None
    members = [log_probabilities(by_vectors, tokens.valid.texts), fitted.valid]
    vectors = VectorModel(model=by_vectors, shares=fit_ensemble(tokens.valid.targets, members))
    return _fitted(tokens, soft, vectors, fitted)


def _fitted(tokens: Tokens, soft: Soft, vectors: VectorModel | None, fitted: LinearStep) -> PseudoLabels:
    """Return the pseudo-labels with the linear model `fitted` to them, the vectors' model added to it."""
    if vectors is not None and fitted.model is not None:
        fitted = measure(tokens, vectors.plus(fitted.model), "linear_", seconds=fitted.seconds)
    return PseudoLabels(soft=soft, linear=fitted, vectors=vectors)
