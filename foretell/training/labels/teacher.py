"""The teacher: the linear model and vectors of texts together, which label what nobody has labelled.

Neither is enough alone. The linear model has weights for the n-grams that it saw with labels; the vectors
know which n-grams are used alike. How far each is to be trusted is seen on held-out texts, whose labels
neither knows. Only texts that were there when vectors were made have one; of texts to come the n-grams'
vectors make a second linear model.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import LogProbabilities
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.ensemble_fit import fit_ensemble
from foretell.training.labels.linear import Soft, TokenizedTexts
from foretell.training.labels.linear_fit import default_most, selected
from foretell.training.labels.metrics import mean_accuracy

_LEAST_TEXTS, _MOST_NGRAMS = 3, 1_500_000
"""N-grams that vectors are made of: those that so many texts hold, the most frequent."""


def can_teach() -> bool:
    """Return whether vectors of texts can be made here: Numba has no wheel for every machine."""
    return find_spec("numba") is not None


class Taught(NamedTuple):
    """What the teacher has found out.

    Attributes:
        soft: soft labels [text, label] of the texts with labels, as they are, and of those without.
        by_vectors: a linear model of texts to come, made of the n-grams' vectors.
        held_out_accuracy: part of the held-out texts that the teacher labels rightly, in the same way.
    """

    soft: Soft
    by_vectors: LinearModel
    held_out_accuracy: float


def teach(
    texts: TokenizedTexts,
    size: int,
    hard: Soft,
    by_linear: LogProbabilities,
    held_out: npt.NDArray[np.int32],
    *,
    seed: int,
    seconds: float,
) -> Taught:
    """Label the texts without labels.

    In two rounds. In the first the held-out texts have vectors like those without labels, and what those say
    of them tells how far they can be trusted. The second makes vectors anew, of n-grams that the new labels
    choose. The held-out texts have no part in it, because what it says of texts to come is tried on them.

    Args:
        texts: with labels, then without, then held out.
        size: how many ids the tokenizer has.
        hard: the labels of the first texts, as probabilities [text, label].
        by_linear: what the linear model says of the other texts, log-probabilities [text, label].
        held_out: the labels' places of the last texts.
        seed: of every random choice.
        seconds: time for it.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_ngram_model

    deadline = time.monotonic() + seconds
    n, n_labels = hard.shape
    targets, others = hard.argmax(axis=1).astype(np.int32), slice(n, len(texts) - len(held_out))
    most = min(_MOST_NGRAMS, default_most(n_labels))
    counted = count_ngrams(texts.ids, texts.starts, size, least=_LEAST_TEXTS, most=most)
    soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])

    left = (deadline - time.monotonic()) / 2
    by_vectors = label(make_vectors(counted, soft, seed=seed, seconds=left), targets, n_labels)[n:]
    ensemble = fit_ensemble(held_out, [by_vectors[-len(held_out) :], by_linear[-len(held_out) :]])
    soft = np.concatenate([hard, ensemble(np.exp(by_vectors).astype(np.float32), by_linear)])
    accuracy = mean_accuracy(held_out, soft[-len(held_out) :])

    counted = selected(counted, np.arange(len(texts)) < others.stop)
    left = deadline - time.monotonic()
    vectors = make_vectors(counted, soft[: others.stop], seed=seed + 1, seconds=left)
    again = np.exp(label(vectors, targets, n_labels)[others]).astype(np.float32)
    return Taught(
        soft=np.concatenate([hard, ensemble(again, by_linear[: len(again)])]),
        by_vectors=to_ngram_model(counted, vectors, targets, n_labels),
        held_out_accuracy=accuracy,
    )
