"""Label the unlabelled texts by text vectors and the linear model together, in two rounds.

In the first round the validation texts have vectors like the unlabelled ones, which shows how far the vectors
can be trusted. The second round makes vectors anew, of n-grams that the new labels choose. The validation
texts have no part in it, because its model for new texts is measured on them.

Each pass over the texts can be checkpointed, so an interrupted run continues after the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.arrays import LogProbabilities
from foretell.metrics import mean_accuracy
from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.training.checkpoints import Checkpoint
from foretell.training.labels.linear_fit import default_max_ngrams, select_texts
from foretell.training.labels.outputs import fit_ensemble
from foretell.training.labels.tokens import Soft, Tokens
from foretell.training.run import Run

if TYPE_CHECKING:
    from foretell.training.labels.text_vectors import Pass

_PREFIX, _SOFT = "vectors/", "round/soft"

_MIN_TEXTS, _MAX_NGRAMS = 3, 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones first."""


class VectorLabels(NamedTuple):
    """What both rounds give.

    Attributes:
        soft: float32 [text, label], the labels of the training texts, and soft labels of the unlabelled ones.
        model: a linear model for new texts, made of the n-grams' vectors.
        accuracy: of the first round on the validation texts.
    """

    soft: Soft
    model: LinearModel
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class _FirstRound:
    """What the second round needs of the first.

    Attributes:
        soft: float32 [text, label] of training, unlabelled and validation texts.
        ensemble: the weights of the vectors (as `network`) and of the linear model (as `linear`).
        accuracy: on the validation texts.
    """

    soft: Soft
    ensemble: Ensemble
    accuracy: float


def label_by_vectors(
    tokens: Tokens, linear: LinearModel, run: Run, *, seed: int, seconds: float
) -> VectorLabels:
    """Make text vectors twice, and label the unlabelled texts by them and the linear model.

    Args:
        tokens: the tokenized split, with validation texts.
        linear: the linear model.
        run: passes are checkpointed there, and an unfinished round is continued.
        seed: of every random choice.
        seconds: time for both rounds.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    assert tokens.valid is not None
    deadline, targets, n_labels = time.monotonic() + seconds, tokens.train.targets, len(tokens.labels)
    texts, hard = tokens.all_texts.followed_by(tokens.valid.texts), tokens.hard
    others = texts.part(len(hard), len(texts))
    by_linear = linear_log_probabilities(linear.scores_of_flat(others.ids, others.starts))
    counted = _count(tokens, texts.ids, texts.starts)
    unfinished = unfinished_round(run)
    first = None if unfinished is None else _first_round_of(unfinished)
    if first is None:
        soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
        left = (deadline - time.monotonic()) / 2
        vectors = make_vectors(
            counted, soft, seed=seed, seconds=left, resumed=_pass_of(unfinished), after_pass=_saver(run, None)
        )
        first = _first_round(tokens, label(vectors, targets, n_labels), by_linear)
        unfinished = None

    pseudo_rows = slice(len(hard), len(tokens.all_texts))
    counted = select_texts(counted, np.arange(len(texts)) < pseudo_rows.stop)
    left = deadline - time.monotonic()
    vectors = make_vectors(
        counted,
        first.soft[: pseudo_rows.stop],
        seed=seed + 1,
        seconds=left,
        resumed=_pass_of(unfinished),
        after_pass=_saver(run, first),
    )
    again = np.exp(label(vectors, targets, n_labels)[pseudo_rows]).astype(np.float32)
    pseudo = first.ensemble(again, by_linear[: len(again)])
    model = to_linear_model(counted, vectors, targets, n_labels)
    return VectorLabels(np.concatenate([hard, pseudo]), model, first.accuracy)


def unfinished_round(run: Run) -> Checkpoint | None:
    """Return the run's latest checkpoint where it was taken between two passes."""
    checkpoint = run.checkpoints.latest()
    return checkpoint if checkpoint is not None and "passes" in checkpoint.state else None


def texts_of_round(checkpoint: Checkpoint, n_valid: int) -> int | None:
    """Return how many training and unlabelled texts an unfinished round is of; None: there is none."""
    vectors = checkpoint.arrays.get(f"{_PREFIX}texts")
    if vectors is None:
        return None
    return len(vectors) - (n_valid if _SOFT not in checkpoint.arrays else 0)


def _count(tokens: Tokens, ids: npt.NDArray[np.int32], starts: npt.NDArray[np.int64]) -> CountedTexts:
    max_ngrams = min(_MAX_NGRAMS, default_max_ngrams(len(tokens.labels)))
    return count_ngrams(ids, starts, tokens.tokenizer.size, min_texts=_MIN_TEXTS, max_ngrams=max_ngrams)


def _first_round(tokens: Tokens, by_vectors: LogProbabilities, by_linear: LogProbabilities) -> _FirstRound:
    """Combine vectors and linear model, with weights fitted on the validation texts."""
    assert tokens.valid is not None
    hard, targets = tokens.hard, tokens.valid.targets
    by_vectors = by_vectors[len(hard) :]
    ensemble = fit_ensemble(targets, [by_vectors[-len(targets) :], by_linear[-len(targets) :]])
    soft = np.concatenate([hard, ensemble(np.exp(by_vectors).astype(np.float32), by_linear)])
    return _FirstRound(soft=soft, ensemble=ensemble, accuracy=mean_accuracy(targets, soft[-len(targets) :]))


def _saver(run: Run, first: _FirstRound | None) -> Callable[[Callable[[], Pass]], None]:
    """Return what writes a checkpoint after a pass, when one is due."""

    def save(current: Callable[[], Pass]) -> None:
        if not run.checkpoints.due():
            return
        done = current()
        arrays: dict[str, npt.NDArray[Any]] = {
            f"{_PREFIX}{name}": array for name, array in done.arrays.items()
        }
        state = dict(done.state)
        if first is not None:
            arrays[_SOFT] = first.soft
            state |= {"ensemble": first.ensemble.to_dict(), "accuracy": first.accuracy}
        run.checkpoints.save(0, arrays, state)

    return save


def _first_round_of(checkpoint: Checkpoint) -> _FirstRound | None:
    """Return the first round where the checkpoint was taken in the second."""
    if _SOFT not in checkpoint.arrays:
        return None
    return _FirstRound(
        soft=checkpoint.arrays[_SOFT].astype(np.float32, copy=False),
        ensemble=Ensemble.from_dict(checkpoint.state["ensemble"]),
        accuracy=checkpoint.state["accuracy"],
    )


def _pass_of(checkpoint: Checkpoint | None) -> Pass | None:
    from foretell.training.labels.text_vectors import Pass

    if checkpoint is None:
        return None
    arrays = {
        name.removeprefix(_PREFIX): array.astype(np.float32, copy=False)
        for name, array in checkpoint.arrays.items()
        if name.startswith(_PREFIX)
    }
    return Pass(arrays=arrays, state=checkpoint.state)
