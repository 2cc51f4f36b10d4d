"""`survey`: what is in labelled texts, and what is wrong with them, before a model is trained."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Unpack, cast

from foretell.data.checks import check_any, check_learnable, data_notes
from foretell.data.examples import Examples, gather, labelled_records, read_examples
from foretell.data.near import MAX_TEXTS as MAX_TEXTS_COMPARED
from foretell.data.records import Part, Reading
from foretell.data.several import several_files
from foretell.errors import DataError, UsageError
from foretell.surveying.counts import (
    ColumnCounter,
    label_counts,
    lengths_of,
    script_shares,
)
from foretell.surveying.label_check import Listener
from foretell.surveying.label_check import check_labels as check_of_labels
from foretell.surveying.repeats import conflicts, find_repeats, overlap
from foretell.surveying.result import DataSurvey
from foretell.text.tokenizer import Tokenizer

_READ_AS = re.compile(r": read as (\S+)")


def survey(
    data: object,
    y: object = None,
    *,
    valid: object = None,
    test: object = None,
    check_labels: bool = False,
    listener: Listener | None = None,
    **how: Unpack[Reading],
) -> DataSurvey:
    """Survey labelled texts: columns, scripts, labels, lengths, repeated texts, likely label
    errors.

    >>> found = foretell.survey("tickets.csv", check_labels=True)
    >>> found.label_check.errors[:10]
    >>> found.save_html("survey.html")

    Args:
        data: texts with labels, as `TextClassifier.fit` takes them without `y` (a list of paths
            or a pattern, too); or the texts, [text].
        y: the label of each text, [text]; None: `data` has the labels.
        valid, test: other parts of a split, in the same forms as `data`, or `(texts, labels)`:
            their texts are compared with those of `data`. They are only read.
        check_labels: search for likely label errors too. It fits five linear models, and takes
            memory.
        listener: is called with a sentence for each fold of the check of the labels.
        how: `text` and `label`, the names of the columns, where they are not clear; `multi_label`,
            what separates the labels of a text; and the other options of `ReadOptions`.

    Raises:
        DataError: no texts with labels, or a source that cannot be read.
        UsageError: `check_labels` where texts may have several labels.
    """
    if check_labels and (separator := how.get("multi_label", "")):
        raise UsageError(
            "one label for each text where labels are checked",
            f"several, separated by {separator!r}",
            where="check_labels",
            fix="leave one of the two out",
        )
    source = _source(data, y)
    how["part"] = "train"
    examples, rows, columns = _read(source, how)
    others: dict[Part, object] = {"valid": valid, "test": test}
    overlaps = tuple(
        overlap(examples, read_examples(other, **(how | Reading(part=part))), part)
        for part, other in others.items()
        if other is not None
    )
    repeats = find_repeats(examples.texts)
    notes = [*examples.notes, *data_notes(examples)]
    if len(examples) > MAX_TEXTS_COMPARED:
        notes.append(f"near-duplicates are searched among the first {MAX_TEXTS_COMPARED:,} texts")
    tokens = Tokenizer.without_words("words", lowercase=True).runs
    check = None
    if check_labels:
        hear = listener or (lambda _: None)
        check = check_of_labels(examples.texts, examples.labels, rows, hear)
    return DataSurvey(
        name=examples.name,
        columns=columns.columns(),
        encoding=next((found[1] for found in map(_READ_AS.search, examples.notes) if found), None),
        examples=examples,
        rows=rows,
        labels=label_counts(examples),
        scripts=script_shares(examples.texts),
        lengths=lengths_of(examples.texts, tokens),
        repeats=repeats,
        conflicts=conflicts(repeats, examples.labels),
        overlaps=overlaps,
        label_check=check,
        notes=notes,
        label_column=columns.label,
        source=(source, how),
    )


def _source(data: object, y: object) -> object:
    """Return what is surveyed. It can be read again: the files of a pattern are those of now."""
    if y is None:
        return several_files(data) or data
    return tuple(list(cast("Iterable[object]", column)) for column in (data, y))


def _read(source: object, how: Reading) -> tuple[Examples, list[int], ColumnCounter]:
    """Return the examples of a source, the record number of each, and the counts of the columns."""
    columns = ColumnCounter()
    notes = list[str]()
    name, records = labelled_records(source, notes, how)
    examples, rows = gather(columns.watch(records), name, notes, how.get("multi_label", ""))
    check_any(examples)
    try:
        check_learnable(examples)
    except DataError as error:
        examples.notes.append(f"no classifier can be trained on this: {error}")
    return examples, rows, columns
