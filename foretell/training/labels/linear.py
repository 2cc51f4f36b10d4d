"""The linear model beside the network: baseline, teacher of unlabelled texts, part of the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.config import LabelsSettings
from foretell.metrics import log_loss
from foretell.ngrams.ensemble import LogProbabilities, linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.batches import flat_ids
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.metrics import mean_accuracy

Soft = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]

# A word that one text of many has says nothing; of few texts, each word counts.
_MANY_TEXTS = 5_000


@dataclass(frozen=True, kw_only=True)
class TokenizedTexts:
    """Texts one after another: ids [word], starts [text + 1]."""

    ids: Ids
    starts: Starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, last: int) -> TokenizedTexts:
        """Return the texts from place `first` to before `last`."""
        starts = self.starts[first : last + 1]
        return TokenizedTexts(ids=self.ids[starts[0] : starts[-1]], starts=starts - starts[0])

    def followed_by(self, others: TokenizedTexts) -> TokenizedTexts:
        """Return these texts and then the others."""
        starts = np.concatenate([self.starts, self.starts[-1] + others.starts[1:]])
        return TokenizedTexts(ids=np.concatenate([self.ids, others.ids]), starts=starts)


def tokenize(texts: Sequence[str], settings: LabelsSettings) -> tuple[Tokenizer, TokenizedTexts]:
    """Learn the vocabulary of the texts and encode them.

    With a linear model the tokenizer knows `linear_vocabulary` words, of which the network knows the most
    frequent `vocabulary`.
    """
    vocabulary, min_count = settings.vocabulary, settings.min_count
    if settings.linear:
        vocabulary = max(vocabulary, settings.linear_vocabulary)
        min_count = max(min_count, 2 if len(texts) >= _MANY_TEXTS else 1)
    tokenizer, ids, starts = Tokenizer.train_encoded(
        texts, settings.tokens, lowercase=settings.lowercase, vocabulary=vocabulary, min_count=min_count
    )
    return tokenizer, TokenizedTexts(ids=ids, starts=starts)


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> TokenizedTexts:
    """Encode texts with a tokenizer that is already there."""
    ids, starts = flat_ids(texts, tokenizer)
    return TokenizedTexts(ids=ids, starts=starts)


def one_hot(targets: npt.NDArray[np.int32], n_labels: int) -> Soft:
    """Return places of labels [text] as probabilities [text, label]."""
    return np.eye(n_labels, dtype=np.float32)[targets]


def fit_linear(texts: TokenizedTexts, soft: Soft, size: int) -> LinearModel:
    """Fit the linear model to probabilities [text, label]; `size` is how many ids the tokenizer has."""
    return fit_ngrams(texts.ids, texts.starts, soft, size)


def linear_logs(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    """Return the linear model's log-probabilities [text, label]."""
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def baseline_figures(logs: LogProbabilities, targets: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Return what the linear model alone is worth on held-out texts, ready for JSON."""
    return {
        "baseline_accuracy": mean_accuracy(targets, logs),
        "baseline_log_loss": log_loss(targets, np.exp(logs)),
    }


def baseline_of(
    train: Sequence[str],
    targets: npt.NDArray[np.int32],
    held_out: Sequence[str],
    held_out_targets: npt.NDArray[np.int32],
    n_labels: int,
) -> dict[str, Any]:
    """Fit the linear model only to compare with: on its own words, whatever the network reads."""
    tokenizer, texts = tokenize(train, LabelsSettings(linear=True))
    model = fit_linear(texts, one_hot(targets, n_labels), tokenizer.size)
    return baseline_figures(linear_logs(model, encode(held_out, tokenizer)), held_out_targets)
