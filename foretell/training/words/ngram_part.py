"""The n-gram model of a training text: what it gives alone, and as a part of the language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.config import WordsSettings
from foretell.metrics import perplexity_of
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey
from foretell.training.events import Listener, Said
from foretell.training.words.interpolation_fit import fit_interpolation
from foretell.training.words.kneser_ney_fit import Array, Tokens, count, log_probabilities, perplexity

# Of a large corpus so many words are counted: some 75 bytes each.
_MOST_WORDS = 10_000_000


@dataclass(frozen=True)
class NgramPart:
    """An n-gram model small enough to be a part of a language model, and what it gives the held-out text.

    Attributes:
        model: it.
        logs: the log-probability of every held-out token but the first, float64 [token - 1].
        lengths: words of the contexts that told them, int64 [token - 1].
    """

    model: KneserNey
    logs: Array
    lengths: Array

    def mixed(self, network_logs: Array, listener: Listener) -> tuple[Interpolation, dict[str, Any]]:
        """Return what it weighs beside the network, and the figures of both together; say what they are.

        Args:
            network_logs: what the network gives the same tokens.
            listener: is told.
        """
        fitted = fit_interpolation(network_logs, self.logs, self.lengths, self.model.order - 1)
        whole = perplexity_of(fitted.logs(network_logs, self.logs, self.lengths))
        alone = perplexity_of(network_logs)
        share = float(np.array(fitted.weights)[self.lengths].mean())
        text = f"the n-gram model gives {share:.0%} of the answer: perplexity {whole:,.1f} instead of"
        listener(Said(text=f"{text} {alone:,.1f} by the network alone"))
        return fitted, {"perplexity": whole, "valid_perplexity": whole, "network_perplexity": alone}


def count_ngrams(
    train: Tokens, held_out: Tokens, size: int, settings: WordsSettings, listener: Listener
) -> tuple[dict[str, Any], NgramPart | None]:
    """Count the n-grams of the training text and measure them on the held-out text.

    Returns:
        the figures to compare with: baseline_perplexity and unigram_perplexity; and, with
        `settings.kneser_ney`, the part of the model.
    """
    counted = count(train, size, most_words=_MOST_WORDS)
    model = counted.model
    unigram, kneser_ney = (perplexity(each, held_out) for each in (counted.single_words(), model))
    text = f"an n-gram model (Kneser-Ney, {model.order} words): perplexity {kneser_ney:,.1f}"
    if model.words < len(train):
        text = f"{text}, from the first {model.words:,} words,"
    listener(Said(text=f"{text} on the held-out text; single words: {unigram:,.1f}"))
    compared = {"baseline_perplexity": kneser_ney, "unigram_perplexity": unigram}
    if not settings.kneser_ney:
        return compared, None
    kept = counted.pruned(settings.max_ngrams)
    return compared, NgramPart(kept, *log_probabilities(kept, held_out))
