"""Which column is the text and which the label: chosen where it is clear, an error where it is not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foretell.data.options import Arguments, ReadOptions
from foretell.data.records import Record, as_list, is_nested, label_of, text_of
from foretell.errors import DataError
from foretell.label_types import common_type, type_of

Role = Literal["text", "label"]

# In tiers: a name of an earlier tier wins; with two names of one tier it is not clear.
TEXT_NAMES: tuple[frozenset[str], ...] = (
    frozenset({"text"}),
    frozenset({
        "review", "body", "message", "content", "sentence", "comment", "tweet", "document", "post",
        "reviewtext", "review_text", "review_body", "message_text", "texts",
        "full_text", "utterance", "paragraph", "sms",
    }),
    frozenset({"description", "title", "headline", "summary", "question", "query", "subject"}),
)  # fmt: skip
LABEL_NAMES: tuple[frozenset[str], ...] = (
    frozenset({"label"}),
    frozenset({
        "sentiment", "class", "category", "target", "y", "labels", "polarity", "emotion", "intent", "topic",
        "tag", "airline_sentiment",
    }),
    frozenset({"rating", "stars", "score", "type", "spam", "stance"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the text column and of the label column, which may be missing."""

    text: str
    label: str | None
    several_labels: bool = False

    def note(self, where: str) -> str:
        """Return the note on which columns were chosen."""
        labels = f", labels from '{self.label}'" if self.label is not None else ""
        return f"{where}: texts from the column '{self.text}'{labels}"

    def record(self, row: Mapping[str, object], where: str) -> Record:
        """Return the record of a mapping from column to value.

        Raises:
            DataError: the text or the label is a list or an object.
        """
        text = row.get(self.text)
        label = None if self.label is None else row.get(self.label)
        fields = {str(key): cell for key, cell in row.items()}
        if self.several_labels and (listed := as_list(label)) is not None and not is_nested(text):
            return _with_labels(text_of(text), listed, fields)
        if is_nested(text) or is_nested(label):
            name, value = (self.text, text) if is_nested(text) else (self.label, label)
            is_list = value is label and as_list(value) is not None
            raise DataError(
                expected=f"one value in '{name}'",
                found=f"a {type(value).__name__}",
                where=where,
                fix="where texts may have several labels, set multi-label to a separator such as ;"
                if is_list
                else "",
            )
        label_type = "text" if type(label) is str else type_of(label)
        return Record(text_of(text), label_of(label), fields, label_type)


def _with_labels(text: str, listed: list[Any], fields: dict[str, object]) -> Record:
    """Return a record with the labels of a list, without repetitions and missing values."""
    given = {label_of(value): type_of(value) for value in listed}
    given.pop(None, None)
    return Record(
        text, None, fields, common_type(given.values()) if given else "text", tuple(map(str, given))
    )


def is_known(name: str) -> bool:
    """Whether a column name is one of the usual names for a text or a label."""
    return any(_fold(name) in tier for tier in (*TEXT_NAMES, *LABEL_NAMES))


def choose_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], options: ReadOptions, where: str
) -> Columns:
    """Choose the text and label columns.

    Args:
        names: the names of all columns.
        rows: a few rows, to distinguish texts from labels where two columns have unusual names; may be empty.
        options: the columns that the caller named, and whether a label column is needed.
        where: the source, for the error.

    Raises:
        DataError: a named column does not exist, or the choice is not clear; lists the columns.
    """
    arguments = options.arguments
    text = None if options.text is None else _named(names, options.text, "text", arguments, where)
    label = None if options.label is None else _named(names, options.label, "label", arguments, where)
    if label is None:
        label = _usual(names, "label", text, options.need_label, arguments, where)
    if text is None:
        text = _usual(names, "text", label, True, arguments, where)
    others = [name for name in names if name not in (text, label)]
    if text is None and len(names) == 2 and len(others) == 2:
        text, label = _by_content(names, rows)
    elif text is None and len(others) == 1:
        text = others[0]
    elif label is None and options.need_label and len(others) == 1:
        label = others[0]
    if text is None:
        raise _unclear(names, "text", arguments, where)
    if label is None and options.need_label:
        raise _unclear(names, "label", arguments, where)
    return Columns(text, label, options.several_labels)


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


def _by_content(names: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str | None, str | None]:
    place = by_length(rows)
    return (None, None) if place is None else (names[place], names[1 - place])


def _named(names: Sequence[str], wanted: str, role: Role, arguments: Arguments, where: str) -> str:
    if wanted in names:
        return wanted
    folded = [name for name in names if _fold(name) == _fold(wanted)]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(wanted, names, n=1)
    raise DataError(
        expected=f"a column named '{wanted}'",
        found=_listed(names),
        where=where,
        fix=f"did you mean {arguments.spell(role, near[0])}?" if near else _one_of(role, arguments),
    )


def _one_of(role: Role, arguments: Arguments) -> str:
    return f"name one of them with {arguments.spell(role, 'COLUMN')}"


def _usual(
    names: Sequence[str], role: Role, taken: str | None, needed: bool, arguments: Arguments, where: str
) -> str | None:
    for tier in TEXT_NAMES if role == "text" else LABEL_NAMES:
        matches = [name for name in names if _fold(name) in tier and name != taken]
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            if not needed:
                return None
            raise _unclear(names, role, arguments, where)
    return None


def _unclear(names: Sequence[str], role: Role, arguments: Arguments, where: str) -> DataError:
    return DataError(
        expected=f"one column that is clearly the {role}",
        found=_listed(names),
        where=where,
        fix=arguments.choose(role),
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or "(no name)" for name in names[:20])
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"the column{'s' if len(names) > 1 else ''} {shown}{more}" if names else "no columns"


def _fold(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
