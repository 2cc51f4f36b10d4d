"""Likely label errors of examples: out-of-fold probabilities, then confident learning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.data.split import text_key
from foretell.metrics.label_errors import find_label_errors
from foretell.surveying.out_of_fold import FOLDS, Listener, memory_needed, out_of_fold

MIN_TEXTS = FOLDS
"""Different texts of a label below which it is not judged: each fold needs one."""


@dataclass(frozen=True, slots=True)
class LabelError:
    """A text whose label is probably wrong.

    Attributes:
        row: the number of its record in the source, from 1; dropped records count, a header does not.
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


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """The result of a check of the labels.

    Attributes:
        errors: the likely label errors, the most likely first.
        judged: number of texts that were judged.
        not_judged: number of texts of each label that has fewer than five different texts.
        accuracy: of the models that judge, on texts that they were not fitted to: how often their most
            probable label is the given one. Where it is low, few of the errors are real.
        memory: bytes that the check was expected to take at most.
    """

    errors: tuple[LabelError, ...]
    judged: int
    not_judged: dict[str, int]
    accuracy: float
    memory: int


def check_labels(
    texts: Sequence[str], labels: Sequence[str], rows: Sequence[int], tokens: int, listener: Listener
) -> LabelCheck:
    """Judge the label of each text.

    Args:
        texts, labels, rows: of each example; rows are numbers of records.
        tokens: about how many tokens the texts have.
        listener: is called with the memory that is needed, before it is taken, then with each fold.
    """
    keys = [text_key(text) for text in texts]
    different: dict[str, set[bytes]] = defaultdict(set)
    for key, label in zip(keys, labels, strict=True):
        different[label].add(key)
    names = sorted(label for label, found in different.items() if len(found) >= MIN_TEXTS)
    index = {name: i for i, name in enumerate(names)}
    places = [place for place, label in enumerate(labels) if label in index]
    not_judged = {label: labels.count(label) for label in sorted(different) if label not in index}
    memory = memory_needed(tokens, len(places), len(names))
    listener(f"the label check needs about {memory / 1e6:,.0f} MB of memory for {len(places):,} texts")
    if len(names) < 2:
        return LabelCheck((), 0, not_judged | {name: labels.count(name) for name in names}, 0.0, memory)
    given = np.array([index[labels[place]] for place in places])
    judged = [texts[place] for place in places]
    rows_of = out_of_fold(judged, given, [keys[place] for place in places], len(names), listener)
    found = find_label_errors(given, rows_of)
    errors = tuple(
        LabelError(
            rows[places[i]],
            judged[i],
            names[given[i]],
            names[other],
            float(rows_of[i, given[i]]),
            float(rows_of[i, other]),
        )
        for i, other in zip(found.places.tolist(), found.suggested.tolist(), strict=True)
    )
    accuracy = float((rows_of.argmax(axis=1) == given).mean())
    return LabelCheck(errors, len(places), not_judged, accuracy, memory)
