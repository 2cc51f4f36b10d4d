"""Likely label errors of examples: out-of-fold probabilities, then confident learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float32s
from foretell.data.folds import make_folds
from foretell.data.text_keys import text_key
from foretell.metrics.label_errors import find_label_errors
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.keys import flat
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.rows import Targets

FOLDS = 5
SEED = 0
MAX_WORDS = 200_000
MIN_TEXTS = FOLDS
"""Different texts of a label below which it is not judged: each fold needs one."""

Listener = Callable[[str], object]
"""Takes sentences about what is being done."""


@dataclass(frozen=True)
class LabelError:
    """A text whose label is probably wrong.

    Attributes:
        row: the number of its record in the source, from 1; dropped records count, a header does
            not.
        text: the text.
        label: its label in the data.
        suggested: the label that it probably has.
        probability: of `label`, from a model that was not fitted to this text, 0 to 1.
        suggested_probability: of `suggested`, from the same model.
    """

    row: int
    text: str
    label: str
    suggested: str
    probability: float
    suggested_probability: float


@dataclass(frozen=True)
class LabelCheck:
    """The result of a check of the labels.

    Attributes:
        errors: the likely label errors, the most likely first.
        judged: number of texts that were judged.
        not_judged: number of texts of each label that has fewer than five different texts.
        accuracy: of the models that judge, on texts that they were not fitted to: how often their
            most probable label is the given one. Where it is low, few of the errors are real.
    """

    errors: tuple[LabelError, ...]
    judged: int
    not_judged: dict[str, int]
    accuracy: float


def check_labels(
    texts: Sequence[str], labels: Sequence[str], rows: Sequence[int], listener: Listener
) -> LabelCheck:
    """Judge the label of each text.

    Args:
        texts, labels, rows: of each example; rows are numbers of records.
        listener: is called with a sentence for each fold.
    """
    names = _judged(texts, labels)
    counts = sorted(Counter(labels).items())
    not_judged = {label: count for label, count in counts if label not in names}
    if not names:
        return LabelCheck((), 0, not_judged, 0.0)
    index = {name: i for i, name in enumerate(names)}
    places = [place for place, label in enumerate(labels) if label in index]
    given = np.array([index[labels[place]] for place in places], np.int32)
    judged = [texts[place] for place in places]
    probabilities = _out_of_fold(judged, given, len(names), listener)
    places_found, suggested = find_label_errors(given, probabilities)
    errors = tuple(
        LabelError(
            rows[places[i]],
            judged[i],
            names[given[i]],
            names[other],
            float(probabilities[i, given[i]]),
            float(probabilities[i, other]),
        )
        for i, other in zip(places_found.tolist(), suggested.tolist(), strict=True)
    )
    accuracy = float((probabilities.argmax(axis=1) == given).mean())
    return LabelCheck(errors, len(places), not_judged, accuracy)


def _judged(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the labels that are judged, sorted: none, or two and more."""
    different = {(label, text_key(text)) for text, label in zip(texts, labels, strict=True)}
    counts = Counter(label for label, _ in different)
    names = sorted(label for label, count in counts.items() if count >= MIN_TEXTS)
    return names if len(names) > 1 else []


def _out_of_fold(
    texts: Sequence[str], given: Targets, n_labels: int, listener: Listener
) -> Float32s:
    """Return the probability of each label for each text, float32 [text, label].

    The texts are divided into five folds, each label evenly and equal texts together. Each fold has
    the probabilities of a model that is fitted to the other four. `given` has the label of each
    text, [text].
    """
    tokenizer = Tokenizer.train(texts, "words", lowercase=True, vocabulary=MAX_WORDS)
    ids, starts = flat(tokenizer.encode_batch(texts))
    targets = np.eye(n_labels, dtype=np.float32)[given]
    result = np.empty((len(texts), n_labels), np.float32)
    for fold, (fitted, out) in enumerate(make_folds(texts, given, FOLDS, SEED), start=1):
        model = fit_ngrams(ids, starts, targets, tokenizer.size, fitted.astype(np.float64))
        for place in np.array_split(np.flatnonzero(out), max(int(out.sum()) // 1024, 1)):
            rows = [ids[starts[i] : starts[i + 1]] for i in place.tolist()]
            result[place] = np.exp(linear_log_probabilities(model.scores(rows)))
        listener(f"fold {fold} of {FOLDS}")
    return result
