"""Answers of a teacher: probabilities of the labels for texts that nobody has labelled."""

from __future__ import annotations

import contextlib
import hashlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Float32s, Float64s
from foretell.data.examples import iter_records, name_of
from foretell.data.label_types import LabelType, common_type
from foretell.data.records import Record, columns_of
from foretell.data.text_keys import text_key
from foretell.errors import DataError
from foretell.readable import listed

PROBABILITIES = frozenset({"probability", "prob", "proba", "confidence", "score", "p"})
"""Names of a column that has the probability of the label beside it."""

_TOLERANCE = 0.02
"""How far a sum of probabilities may be from 1: programs round them."""


@dataclass(frozen=True, eq=False)
class Answering:
    """A classifier from outside, or its answers.

    Attributes:
        name: for messages.
        labels: of the columns of its answers.
        ask: returns the probabilities [text, label] of texts.
        sha256: what a resumed training must find again.
        label_type: the type of the values that the labels stand for.
        texts: those that it has answered; NaN is its answer to others. Empty: it answers all.
        is_estimator: whether it is one of scikit-learn's estimators, which may know labels by
            heart.
        refitted: of texts, their labels and other texts, a copy's answers [text, label] to the
            others.
    """

    name: str
    labels: list[str]
    ask: Callable[[Sequence[str]], object]
    sha256: str
    label_type: LabelType = "text"
    texts: tuple[str, ...] = ()
    is_estimator: bool = False
    refitted: Callable[[list[str], list[str], list[str]], Float64s] | None = None


def answered(texts: Sequence[str], values: object, labels: Sequence[str], name: str) -> Answering:
    """Return the answers [text, label] to texts.

    Raises:
        DataError: as `checked`; or a text has two different answers.
    """
    rows = checked(values, len(texts), labels, name)
    places = dict[bytes, int]()
    for place, text in enumerate(texts):
        first = places.setdefault(text_key(text), place)
        if first != place and not np.allclose(rows[first], rows[place], atol=_TOLERANCE):
            raise DataError(
                "one answer for each text",
                f"two different ones for '{text:.40}' (texts {first + 1:,} and {place + 1:,})",
                where=name,
                fix="keep one of them, or their mean",
            )
    digest = hashlib.sha256(
        rows.tobytes() + b"".join(places) + "\n".join(labels).encode()
    ).hexdigest()
    table = np.concatenate([rows, np.full((1, len(labels)), np.nan, np.float32)])
    return Answering(
        name,
        list(labels),
        lambda some: table[[places.get(text_key(text), -1) for text in some]],
        digest,
        texts=tuple(texts[i] for i in places.values()),
    )


def checked(
    values: object, n_texts: int, labels: Sequence[str], where: str, first: int = 0
) -> Float32s:
    """Return probabilities as float32 [text, label], each row with a sum of exactly 1.

    `where` and `first`, the source and the place of the first text, are for errors.

    Raises:
        DataError: another shape; negative or no numbers; a row that does not sum to 1.
    """
    try:
        found = np.asarray(values, np.float64)
        what = ""
    except (TypeError, ValueError):
        found = np.zeros(0)
        what = f"{values!r:.60}"
    if found.shape != (n_texts, len(labels)):
        raise DataError(
            f"probabilities [text, label] of the shape {(n_texts, len(labels))}",
            what or f"the shape {found.shape}",
            where=where,
            fix=f"give a row for each text, with columns in the order {listed(labels)}",
        )
    sums = found.sum(axis=1)
    for is_wrong, what in (
        (~np.isfinite(sums), "a number that is not finite"),
        ((found < 0).any(axis=1), "a negative number"),
        (np.abs(sums - 1) > _TOLERANCE, "a sum of {:.3g}"),
    ):
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise DataError(
                "probabilities from 0 to 1 with a sum of 1",
                what.format(sums[row]),
                where=f"{where}, text {first + row + 1:,}",
            )
    return np.asarray(found / sums[:, None], np.float32)


def read_soft(
    source: object, labels: Sequence[str] = (), *, text: str | Sequence[str] | None = None
) -> Answering:
    """Read a teacher's answers: a column for each label, or a label and perhaps its probability.

    A label without a probability is certain. With one, the other labels share the rest equally.

    Args:
        source: a file of any format of examples, or a table.
        labels: of the training texts, where there are some; others are an error.
        text: the text column; None: chosen where it is clear.

    Raises:
        DataError: it cannot be read; as `answered`; other labels.
    """
    name = name_of(source)
    texts = list[str]()
    given = list[str]()
    cells = array("f")
    columns = None
    types = set[LabelType]()
    for number, record in enumerate(iter_records(source, text=text), start=1):
        if not record.text.strip():
            continue
        where = f"{name}, text {number:,}"
        if columns is None:
            columns = _columns(record, labels, columns_of(text), name)
        read = columns or [
            next((each for each in record.fields if each.casefold() in PROBABILITIES), "")
        ]
        cells.extend(_number(record.fields.get(column, 1.0), where) for column in read)
        texts.append(record.text)
        given.append(record.label or "")
        types.add(record.label_type)
        if not columns and (not record.label or (labels and record.label not in labels)):
            expected = f"one of the labels {listed(labels)}" if labels else "a label"
            raise DataError(expected, repr(record.label), where=where)
    if not texts:
        raise DataError("texts with a teacher's answers", "none", where=name)
    if columns:
        return answered(texts, np.array(cells).reshape(-1, len(columns)), columns, name)
    names = list(labels) or sorted(set(given))
    kind = common_type(types)
    own = np.array(cells)[:, None]
    place = np.array([names.index(label) for label in given])
    values = np.where(
        place[:, None] == np.arange(len(names)), own, (1 - own) / max(1, len(names) - 1)
    )
    return replace(answered(texts, values, names, name), label_type=kind)


def _columns(record: Record, labels: Sequence[str], text: Sequence[str], name: str) -> list[str]:
    """Return the columns of the labels' probabilities; empty: there is one column with the
    label.
    """
    columns = [
        column
        for column, value in record.fields.items()
        if value != record.text and column not in text
    ]
    if labels and set(labels) <= set(columns):
        return list(labels)
    if record.label in labels or (not labels and record.label is not None):
        return []
    if not labels and len(columns) > 1:
        return columns
    found = (
        f"the columns {listed(list(record.fields))}"
        if record.label is None
        else f"'{record.label}'"
    )
    raise DataError(
        f"a column for each label ({listed(labels)}), or one with the label", found, where=name
    )


def _number(value: object, where: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (number := float(str(value))) <= 1 + _TOLERANCE:
            return min(number, 1.0)
    raise DataError("a probability from 0 to 1", f"{value!r:.40}", where=where)
