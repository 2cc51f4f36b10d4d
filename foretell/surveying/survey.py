"""`survey`: what is in labelled texts, and what is wrong with them, before a model is trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from foretell.data.checks import data_notes, similar_labels
from foretell.data.examples import Examples, gather, iter_records, name_of, read_examples
from foretell.data.records import Reading
from foretell.errors import DataError, UsageError
from foretell.surveying.counts import (
    ColumnCounter,
    TokenCounter,
    TokenLengths,
    label_counts,
    script_shares,
)
from foretell.surveying.label_check import Listener, check_labels
from foretell.surveying.repeats import Overlap, Repeats, conflicts, find_repeats, overlap
from foretell.surveying.result import RARE, DataSurvey
from foretell.text.splitting import splitter

MAX_COUNTED = 2_000_000
MAX_TEXTS = 10_000
"""Characters and texts up to which all texts are counted in tokens; of more, a random part of this size."""
SEED = 0
_LONGEST = 20
_READ_AS = re.compile(r": read as (\S+)")


def survey(
    data: Any,
    y: Any = None,
    *,
    text: str | None = None,
    label: str | None = None,
    valid: Any = None,
    test: Any = None,
    check_labels: bool = False,
    multi_label: str = "",
    listener: Listener | None = None,
) -> DataSurvey:
    """Survey labelled texts: columns, scripts, labels, lengths, repeated texts, likely label errors.

    >>> found = foretell.survey("tickets.csv", check_labels=True)
    >>> found.label_check.errors[:10]
    >>> found.save_html("survey.html")

    Args:
        data: texts with labels, as `TextClassifier.fit` takes them without `y`; or the texts, [text].
        y: the label of each text, [text]; None: `data` has the labels.
        text, label: the names of the columns; None: chosen where they are clear.
        valid, test: other parts of a split, in the same forms as `data`, or `(texts, labels)`: their texts
            are compared with those of `data`. They are only read.
        check_labels: search for likely label errors too. It fits five linear models, and takes memory.
        multi_label: what separates the labels of a text; "": each text has one label.
        listener: is called with sentences about the check of the labels: first the memory that it needs.

    Raises:
        DataError: no texts with labels, or a source that cannot be read.
        UsageError: `check_labels` where texts may have several labels.
    """
    how = Reading(text=text, label=label, multi_label=multi_label, part="train")
    parts: dict[Literal["valid", "test"], Any] = {"valid": valid, "test": test}
    given = {part: source for part, source in parts.items() if source is not None}
    source = data if y is None else (list(data), list(y))
    return survey_source(source, how, given, check=check_labels, listener=listener or (lambda _: None))


def survey_source(
    source: Any,
    how: Reading,
    parts: dict[Literal["valid", "test"], Any],
    *,
    check: bool,
    listener: Listener,
) -> DataSurvey:
    """Survey a source of examples and its other parts; as `survey`."""
    if check and (separator := how.get("multi_label", "")):
        raise UsageError(
            expected="one label for each text where labels are checked",
            found=f"several, separated by {separator!r}",
            where="check_labels",
            fix="leave one of the two out",
        )
    examples, rows, columns = _read(source, how)
    others = {part: read_examples(other, **(how | Reading(part=part))) for part, other in parts.items()}
    repeats = find_repeats([*examples.texts, *(text for each in others.values() for text in each.texts)])
    labels = label_counts(examples)
    lengths, single = _lengths(examples.texts)
    own = _within(repeats, len(examples))
    return DataSurvey(
        name=examples.name,
        columns=columns.columns(),
        encoding=next((found[1] for found in map(_READ_AS.search, examples.notes) if found), None),
        examples=examples,
        rows=rows,
        labels=labels,
        rare_labels={label: count for label, count in labels.items() if count < RARE},
        similar_labels=tuple(map(tuple, similar_labels(labels))),
        scripts=script_shares(examples.texts),
        lengths=lengths,
        repeats=own,
        conflicts=conflicts(own, examples.labels),
        overlaps=tuple(_overlaps(repeats, examples, others)),
        label_check=(
            check_labels(examples.texts, examples.labels, rows, lengths.total, listener) if check else None
        ),
        notes=[*examples.notes, *data_notes(examples, single=round(single * len(examples)))],
        label_column=columns.label,
        source=(source, how),
    )


def _read(source: Any, how: Reading) -> tuple[Examples, list[int], ColumnCounter]:
    """Return the examples of a source, the record number of each, and the counts of the columns."""
    columns, notes, rows = ColumnCounter(), list[str](), list[int]()
    watched = columns.watch(iter_records(source, need_label=True, notes=notes, **how))
    separator = how.get("multi_label", "")
    examples = gather(watched, name_of(source), notes, lambda number, _: rows.append(number), separator)
    if not len(examples):
        raise DataError(expected="texts with labels", found="none", where=examples.name)
    return examples, rows, columns


def _lengths(texts: Sequence[str]) -> tuple[TokenLengths, float]:
    """Count the tokens of texts, of much text those of a random part and of the longest.

    Returns:
        The lengths, and the share of texts that look like an identifier.
    """
    split = splitter("words", lowercase=True)
    counter, longest = TokenCounter(split), TokenCounter(split)
    sizes = np.array([len(text) for text in texts])
    counted: Sequence[str] = texts
    if sizes.sum() > MAX_COUNTED or len(texts) > MAX_TEXTS:
        order = np.random.default_rng(SEED).permutation(len(texts))
        enough = int(np.searchsorted(np.cumsum(sizes[order]), MAX_COUNTED)) + 1
        counted = [texts[place] for place in order[: min(enough, MAX_TEXTS)].tolist()]
    counter.add(counted)
    longest.add(texts[place] for place in np.argsort(-sizes, kind="stable")[:_LONGEST].tolist())
    found = counter.lengths
    total = round(found.total / len(counted) * len(texts))
    lengths = replace(found, total=total, max=max(found.max, longest.lengths.max))
    return lengths, counter.single / len(counted)


def _within(repeats: Repeats, n_texts: int) -> Repeats:
    """Return the repeats among the first texts alone."""
    groups = (
        tuple(tuple(place for place in group if place < n_texts) for group in found)
        for found in (repeats.equal, repeats.near)
    )
    equal, near = (tuple(group for group in found if len(group) > 1) for found in groups)
    return Repeats(equal, near)


def _overlaps(repeats: Repeats, train: Examples, others: dict[Any, Examples]) -> list[Overlap]:
    found = []
    first = len(train)
    known = set(label_counts(train))
    for part, examples in others.items():
        new = sorted(set(label_counts(examples)) - known)
        last = first + len(examples)
        found.append(overlap(repeats, first, last, len(train), part=part, name=examples.name, new_labels=new))
        first = last
    return found
