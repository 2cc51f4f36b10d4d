"""Which column is the text and which the label: chosen where it is clear, an error where it is
not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from foretell.data.decode import note
from foretell.data.label_types import common_type, type_of
from foretell.data.records import (
    ReadOptions,
    Record,
    as_list,
    is_nested,
    label_of,
    spelled,
    text_of,
)
from foretell.errors import DataError
from foretell.readable import listed

Role = Literal["text", "label"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In tiers: a name of an earlier tier wins; with two names of one tier it is not clear.
_USUAL: dict[Role, tuple[frozenset[str], ...]] = {
    "text": (
        _words("text"),
        _words(
            """
review body message content sentence comment tweet document post reviewtext
review_text review_body message_text texts full_text utterance paragraph sms
nachricht kommentar beschreibung texte commentaire texto comentario mensaje
testo 文本 内容 评论 本文
"""
        ),
        _words("description title headline summary question query subject"),
    ),
    "label": (
        _words("label"),
        _words(
            """
sentiment class category target y labels polarity emotion intent topic tag
airline_sentiment kategorie catégorie categoría categoria etiqueta étiquette
标签 类别 分类 ラベル カテゴリ
"""
        ),
        _words("rating stars score type spam stance"),
    ),
}
MIN_TO_JUDGE = 20
"""Fewer values than this are not called nearly unique."""
_UNIQUE_SHARE = 0.9
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d\d))([T ].*)?$"
)
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?$", re.I)
_SWITCHES = _words("true false yes no 0 1 y n t f")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the text column and of the label column, which may be missing."""

    text: str
    label: str | None
    several_labels: bool = False

    def add_note(self, source: str, options: ReadOptions, notes: list[str]) -> None:
        """Add the note on which columns were chosen, unless the user named the text column."""
        labels = (
            f", labels from '{self.label}'" if self.label is not None and options.need_label else ""
        )
        if options.text is None:
            note(notes, f"{source}: texts from the column '{self.text}'{labels}")

    def record(self, row: Mapping[str, object], where: str) -> Record:
        """Return the record of a mapping from column to value; `where` is its place, for errors."""
        text = row.get(self.text)
        label = None if self.label is None else row.get(self.label)
        several = as_list(label) if self.several_labels else None
        if is_nested(text) or (several is None and is_nested(label)):
            name, value = (self.text, text) if is_nested(text) else (self.label, label)
            fix = "where texts may have several labels, set multi-label to a separator such as ;"
            fix = fix if value is label and as_list(value) is not None else ""
            fix = (
                'with pandas: to_json(orient="records", lines=True)'
                if isinstance(value, dict)
                else fix
            )
            found = f"a {type(value).__name__}"
            raise DataError(expected=f"one value in '{name}'", found=found, where=where, fix=fix)
        if several is None:
            return Record(text_of(text), label_of(label), row, type_of(label))
        # Without repetitions and missing values.
        given = {name: type_of(value) for value in several if (name := label_of(value)) is not None}
        return Record(text_of(text), None, row, common_type(given.values()), tuple(given))


def is_known(name: str) -> bool:
    """Whether a column name is one of the usual names for a text or a label."""
    return any(_fold(name) in tier for tiers in _USUAL.values() for tier in tiers)


def choose_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], options: ReadOptions, where: str
) -> Columns:
    """Choose the text and label columns.

    Args:
        names: the names of all columns.
        rows: a few rows, by which texts, labels and other columns are distinguished; may be empty.
        options: the columns that the caller named, and whether a label column is needed.
        where: the source, for the error.

    Raises:
        DataError: a named column does not exist, or the choice is not clear; lists the columns.
    """
    text = None if options.text is None else _named(names, options.text, "text", where)
    label = None if options.label is None else _named(names, options.label, "label", where)
    if text is not None and text == label:
        raise DataError(expected="two columns", found=f"'{text}' for texts and labels", where=where)
    is_asked = label is not None
    if label is None:
        label = _usual(names, "label", text, options, where)
    if text is None:
        text = _usual(names, "text", label, options, where)
    others = [name for name in names if name not in (text, label)]
    if text is None and len(names) == 2 and len(others) == 2:
        place = by_length(rows)
        text, label = (None, None) if place is None else (names[place], names[1 - place])
    elif text is None and len(others) == 1:
        text = others[0]
    elif label is None and options.need_label and len(others) == 1:
        label = others[0]
    if text is None:
        raise _unclear(names, "text", where)
    if options.need_label and not is_asked:
        cells = {
            name: _cells(rows, place, len(names))
            for place, name in enumerate(names)
            if name != text
        }
        _check_label(names, cells, label, options, where)
    return Columns(text, label, bool(options.multi_label))


def by_length(rows: Sequence[Sequence[str]]) -> int | None:
    """Return which of two columns, 0 or 1, holds the texts, or None where that is not clear.

    Texts are longer than labels and repeat less. Rows that do not have two cells are not counted.
    """
    pairs = [row for row in rows if len(row) == 2]
    if not pairs:
        return None
    lengths = [sum(len(row[i]) for row in pairs) for i in (0, 1)]
    kinds = [len({row[i] for row in pairs}) for i in (0, 1)]
    longer = int(lengths[1] > lengths[0])
    clear = lengths[longer] > 2 * lengths[1 - longer] and kinds[longer] >= kinds[1 - longer]
    return longer if clear else None


def are_dates(values: Iterable[str]) -> bool:
    """Whether all values are dates, with or without a time."""
    return all(_DATE.match(value.strip()) for value in values)


def _check_label(
    names: Sequence[str],
    cells: Mapping[str, list[str]],
    label: str | None,
    options: ReadOptions,
    where: str,
) -> None:
    """Check a label column that nobody asked for; `cells` has those of each column but the text's.

    A column that is called "label" or the like is taken. One with a name such as "stars" is not
    clear beside a column of words that repeat. One with another name must not look like an
    identifier, dates or numbers.
    """
    *clear, vague = (label is not None and _fold(label) in tier for tier in _USUAL["label"])
    if any(clear) or (options.multi_label and label is not None):
        return
    repeat = {
        name
        for name, v in cells.items()
        if 1 < len({*v}) <= max(2, len(v) // 2) and not are_dates(v)
    }
    likely = [name for name in cells if name in repeat or (vague and name == label)]
    rivals = (cells[name] for name in likely if name != label)
    if label is None or (vague and any(map(_are_words, rivals))):
        several = len(likely) > 1
        raise _unclear(likely if several else names, "label", where, several)
    if not vague and (what := _why_no_label(cells.get(label, []))):
        fix = f"name it with {spelled('label', 'COLUMN')}"
        found = f"only '{label}', {what}"
        raise DataError(expected="a column for the labels", found=found, where=where, fix=fix)


def _cells(rows: Sequence[Sequence[str]], place: int, width: int) -> list[str]:
    cells = (row[place].strip() for row in rows if len(row) == width)
    return [cell for cell in cells if cell]


def _are_words(values: Sequence[str]) -> bool:
    """Whether values, enough to judge, are neither numbers nor yes and no."""
    is_switch = {value.casefold() for value in values} <= _SWITCHES
    return len(values) >= MIN_TO_JUDGE and not is_switch and not all(map(_NUMBER.match, values))


def _why_no_label(values: Sequence[str]) -> str:
    """Return why values are hardly labels; "": they may be."""
    kinds = len(set(values))
    if len(values) >= MIN_TO_JUDGE and kinds > _UNIQUE_SHARE * len(values):
        return "which is nearly unique"
    if kinds and are_dates(values):
        return "which holds dates"
    return "which holds numbers" if kinds > 2 and all(map(_NUMBER.match, values)) else ""


def _named(names: Sequence[str], wanted: str, role: Role, where: str) -> str:
    if (wanted := str(wanted)) in names:
        return wanted
    folded = [name for name in names if _fold(name) == _fold(wanted)]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(wanted, names, n=1)
    name = spelled(role, near[0] if near else "COLUMN")
    fix = f"did you mean {name}?" if near else f"name one of them with {name}"
    raise DataError(
        expected=f"a column named '{wanted}'", found=_listed(names), where=where, fix=fix
    )


def _usual(
    names: Sequence[str], role: Role, taken: str | None, options: ReadOptions, where: str
) -> str | None:
    for tier in _USUAL[role]:
        matches = [name for name in names if _fold(name) in tier and name != taken]
        if len(matches) > 1 and (role == "text" or options.need_label):
            raise _unclear(matches, role, where, True)
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def _unclear(names: Sequence[str], role: Role, where: str, several: bool = False) -> DataError:
    found = f"several that could be: {listed(names)}" if several else _listed(names)
    fix = f"name it with {spelled(role, 'COLUMN')}"
    fix += "" if all(names) else f", or the row of the names with {spelled('header_row', 'N')}"
    return DataError(
        expected=f"one column that is clearly the {role}", found=found, where=where, fix=fix
    )


def _listed(names: Sequence[str]) -> str:
    shown = listed(name or "(no name)" for name in names)
    return f"the column{'s' if len(names) > 1 else ''} {shown}" if names else "no columns"


def _fold(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
