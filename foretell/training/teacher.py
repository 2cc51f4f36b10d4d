"""The teacher: the linear model and vectors of texts together, which label what nobody has labelled.

Neither is enough alone. The linear model has weights for the n-grams that it saw with labels; the vectors
know which n-grams are used alike. How far each is to be trusted is seen on held-out texts, whose labels
neither knows.
"""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from foretell.mixture import LogProbabilities
from foretell.ngrams import count_ngrams
from foretell.training.labels_linear import Soft, TokenizedTexts
from foretell.training.mixture_fit import fit_mixture

_LEAST_TEXTS, _MOST_NGRAMS = 3, 1_500_000
"""N-grams that vectors are made of: those that so many texts hold, the most frequent."""


def can_teach() -> bool:
    """Return whether vectors of texts can be made here: Numba has no wheel for every machine."""
    return find_spec("numba") is not None


def teach(
    texts: TokenizedTexts,
    size: int,
    hard: Soft,
    by_linear: LogProbabilities,
    held_out: npt.NDArray[np.int32],
    *,
    rounds: int,
    seed: int,
    seconds: float,
) -> Soft:
    """Return soft labels [text, label] of all texts, the first ones' as they are.

    The held-out texts have vectors like the unlabelled ones: what those say of them tells how far they can be
    trusted.

    Args:
        texts: with labels, then without, then held out.
        size: how many ids the tokenizer has.
        hard: the labels of the first texts, as probabilities [text, label].
        by_linear: what the linear model says of the other texts, log-probabilities [text, label].
        held_out: the labels' places of the last texts.
        rounds: how often vectors are made: those of the second round know the labels that the first one gave.
        seed: of every random choice.
        seconds: time for it.
    """
    from foretell.training.text_vectors import label, text_vectors

    deadline = time.monotonic() + seconds
    counted = count_ngrams(texts.ids, texts.starts, size, least=_LEAST_TEXTS, most=_MOST_NGRAMS)
    n, n_held_out = len(hard), len(held_out)
    soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
    for i in range(rounds):
        left = (deadline - time.monotonic()) / (rounds - i)
        vectors = text_vectors(counted, soft, seed=seed + i, seconds=left)
        by_vectors = label(vectors, hard.argmax(axis=1), hard.shape[1])[n:]
        mixture = fit_mixture(held_out, [by_vectors[-n_held_out:], by_linear[-n_held_out:]])
        soft = np.concatenate([hard, mixture(np.exp(by_vectors).astype(np.float32), by_linear)])
    return soft
