"""Probabilities of each text from an n-gram linear model that was not fitted to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from foretell.arrays import Float32s, Integers
from foretell.data.split import places_of_equal
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.folds import spread
from foretell.training.labels.linear_fit import MAX_WEIGHTS, fit_ngrams

FOLDS = 5
SEED = 0
MAX_WORDS = 200_000

# Measured as the peak memory of the check on IMDB (two labels) and banking77 (77 labels), rounded up.
_BYTES_PER_TOKEN = 100
_BYTES_PER_PROBABILITY = 80
_BYTES_PER_WEIGHT = 60

Listener = Callable[[str], object]
"""Takes sentences about what is being done."""


def memory_needed(tokens: int, texts: int, labels: int) -> int:
    """Return about how many bytes `out_of_fold` takes at most, beside the texts themselves.

    Args:
        tokens: tokens of all texts.
        texts: number of texts.
        labels: number of labels.
    """
    columns = 1 if labels == 2 else labels
    # A text has at most three n-grams for each token.
    weights = min(MAX_WEIGHTS, 3 * tokens * columns)
    probabilities = texts * labels
    return _BYTES_PER_TOKEN * tokens + _BYTES_PER_PROBABILITY * probabilities + _BYTES_PER_WEIGHT * weights


def out_of_fold(
    texts: Sequence[str], given: Integers, keys: Sequence[bytes], n_labels: int, listener: Listener
) -> Float32s:
    """Return the probability of each label for each text, float32 [text, label].

    The texts are divided into five folds, each label evenly and equal texts together. Each fold has the
    probabilities of a model that is fitted to the other four.

    Args:
        texts: the texts.
        given: the label of each, int64 [text], below `n_labels`.
        keys: the same for equal texts, [text].
        n_labels: number of labels.
        listener: is called with a sentence for each fold.
    """
    fold_of = folds(given, keys)
    tokenizer, ids, starts = Tokenizer.train_encoded(
        texts, "words", lowercase=True, vocabulary=MAX_WORDS, min_count=1
    )
    targets = np.eye(n_labels, dtype=np.float32)[given]
    result = np.empty((len(texts), n_labels), np.float32)
    for fold in range(FOLDS):
        out = fold_of == fold
        model = fit_ngrams(ids, starts, targets, tokenizer.size, (~out).astype(np.float64))
        for place in np.array_split(np.flatnonzero(out), max(int(out.sum()) // 1024, 1)):
            rows = [ids[starts[i] : starts[i + 1]] for i in place.tolist()]
            result[place] = np.exp(linear_log_probabilities(model.scores(rows)))
        listener(f"fold {fold + 1} of {FOLDS}")
    return result


def folds(given: Integers, keys: Sequence[bytes]) -> Integers:
    """Return the fold of each text, int32 [text]: each label evenly, equal texts in one fold."""
    by_label: dict[int, list[list[int]]] = defaultdict(list)
    for group in places_of_equal(keys).values():
        by_label[int(given[group[0]])].append(group)
    return spread(by_label, len(keys), FOLDS, SEED)
