"""Noise in the words of a training: some are replaced by others, as a Kneser–Ney model smooths its counts.

Source: Xie et al. 2017, "Data Noising as Smoothing in Neural Network Language Models", section 3.4, "bigram
Kneser–Ney". After a word that many different words follow, as after "the", the next one is replaced more
often than after one that is always followed by the same. What replaces it is a word that follows many
different words. A replaced word is replaced where it is read and where it is predicted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foretell.training.words.data import NONE, TokenFile

MAX_COUNTED = 10_000_000
"""Tokens of the text that are counted, at most: its first ones."""

_SEED = 1
"""Sets the random numbers apart from those that choose where a pass enters the text."""

Ids = npt.NDArray[np.int32]


class WordNoise:
    """Replaces words of the windows of a training.

    Args:
        tokens: the text.
        size: of the vocabulary.
        rate: γ₀, the probability with which a word is replaced after a word that never has the same
            word after it twice.
        seed: of the training.
    """

    def __init__(self, tokens: TokenFile, size: int, rate: float, seed: int) -> None:
        ids = tokens.read(0, min(len(tokens), MAX_COUNTED)).astype(np.int64)
        pairs = np.unique(ids[:-1] * size + ids[1:])
        counts = np.bincount(ids[:-1], minlength=size)
        followers = np.bincount(pairs // size, minlength=size)
        # A word that was not counted is as rare as words are.
        self._rates = rate * np.where(counts > 0, followers / np.maximum(counts, 1), 1.0)
        preceding = np.bincount(pairs % size, minlength=size)
        self._cumulative = np.cumsum(preceding / preceding.sum())
        self._seed = seed

    def __call__(self, ids: Ids, targets: Ids, step: int) -> tuple[Ids, Ids]:
        """Return ids and targets [stream, step] with words replaced; the same for the same step.

        Args:
            ids, targets: of one window; targets of NONE stay.
            step: of the training.
        """
        random = np.random.default_rng([self._seed, step, _SEED])
        is_replaced = (random.random(targets.shape) < self._rates[ids]) & (targets != NONE)
        others = np.searchsorted(self._cumulative, random.random(targets.shape), side="right")
        new_targets = np.where(is_replaced, np.minimum(others, len(self._rates) - 1), targets).astype(
            np.int32
        )
        new_ids = ids.copy()
        # The first word of a window was predicted in the window before.
        new_ids[:, 1:] = np.where(is_replaced[:, :-1], new_targets[:, :-1], ids[:, 1:])
        return new_ids, new_targets
