"""How far a continued model goes from the old one: decided on text that neither has learned from.

Weights between those that the training started from and those at its end lose less of the old text
than the last ones, and are often better on the new text too (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"). All pairs of a place between them and a merged Kneser–Ney model
are compared on the end of the new text. Pairs that are too much worse than the old model on the end
of the old text are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from foretell.arrays import Floats, Integers
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.ngrams.kneser_ney import Interpolation
from foretell.training.words.data import TokenizedCorpus
from foretell.training.words.kneser_ney_fit import KneserNeyFit, log_probabilities
from foretell.training.words.token_file import TokenFile
from foretell.training.words.validation_fit import fit_interpolation

DISTANCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Parts of the way; 0 is the old network. The steps near it are small: with a network that has
learned the old text well, larger ones exceed `MAX_GROWTH` (docs/experiments.md).
"""

MAX_GROWTH = 0.015
"""The most that the loss on the old text may grow by, in nats: 1.5 % of the perplexity. The model
that is written may differ by half a per cent, since its new words are unknown to the old one.
"""

MAX_COMPARED = 6_000
"""Tokens of each text that are compared, at most."""

Measure = Callable[[float, TokenFile], Floats]
Counts = tuple[Floats, Integers]
"""Log-probabilities by a Kneser–Ney model, and the lengths of the contexts."""


class Distance(NamedTuple):
    """What was decided.

    Attributes:
        loss: of both together, on the end of the new text.
        share: the place between the old weights, 0, and the trained ones, 1.
        kneser_ney: the Kneser–Ney model beside them, or None.
        growth: by how much the loss on the end of the old text has grown; 0 where there is none.
    """

    loss: float
    share: float
    kneser_ney: KneserNeyFit | None
    growth: float


def between(start: Weights, trained: Weights, share: float) -> Weights:
    """Return the weights at a place between two."""
    return {name: (1 - share) * start[name] + share * trained[name] for name in start}


def best_distance(
    measure: Measure,
    tokens: TokenizedCorpus,
    before: Model,
    fits: Sequence[KneserNeyFit],
    count: int = MAX_COMPARED,
) -> Distance:
    """Return the best place and Kneser–Ney model for a corpus with validation text.

    Args:
        measure: gives the log-probabilities of a text by the network at a place.
        tokens: the corpus.
        before: the old model.
        fits: Kneser–Ney models to choose from; none: the network stays alone.
        count: tokens of each text that are compared.
    """
    assert tokens.valid is not None
    new = tokens.valid.part(0, min(len(tokens.valid), count))
    logs = {share: measure(share, new) for share in DISTANCES}
    old = None
    if tokens.old is not None:
        # The last tokens: the old model has learned from none of them.
        end = tokens.old.part(max(0, len(tokens.old) - count), len(tokens.old))
        old = _OldText(end, before, measure)
    distances = []
    for fit in fits or (None,):
        counted = None if old is None else old.counted(fit)
        for share, together in logs.items():
            weights = None
            if fit is not None:
                of_new = fit.logs[: len(together)], fit.lengths[: len(together)]
                weights = fit_interpolation(together, *of_new, fit.model.order - 1)
                together = weights.logs(together, *of_new)
            growth = 0.0 if old is None else old.growth(share, weights, counted)
            distances.append(Distance(-float(together.mean()), share, fit, growth))
    limit = max(MAX_GROWTH, min(distance.growth for distance in distances))
    near = [distance for distance in distances if distance.growth <= limit]
    return min(near, key=lambda distance: distance.loss)


class _OldText:
    """The end of the old text: of the words that the old model knows, by how much the loss has
    grown.
    """

    def __init__(self, text: TokenFile, before: Model, measure: Measure) -> None:
        self._ids = text.read(0, len(text))
        self._logs = {share: measure(share, text) for share in DISTANCES}
        self._is_known = self._ids < before.tokenizer.size
        known = np.where(self._is_known, self._ids, before.tokenizer.unknown or 0)
        counted = None
        if before.kneser_ney is not None:
            counted = log_probabilities(before.kneser_ney, known)
        self._before = 0.0
        self._before = self.growth(0.0, before.interpolation, counted)

    def counted(self, fit: KneserNeyFit | None) -> Counts | None:
        """Return what a Kneser–Ney model gives of the text."""
        return None if fit is None else log_probabilities(fit.model, self._ids)

    def growth(self, share: float, weights: Interpolation | None, counted: Counts | None) -> float:
        """Return the loss minus that of the old model."""
        logs = self._logs[share]
        if weights is not None and counted is not None:
            logs = weights.logs(logs, *counted)
        return -float(logs[self._is_known[1:]].mean()) - self._before
