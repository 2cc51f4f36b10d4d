"""Which column is the text and which the label: found where it is clear, asked for where it is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from foretell.errors import DataError

# In tiers: a name of an earlier tier wins; two of one tier are not clear.
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
    """The names of the text column and of the label column, if there is one."""

    text: str
    label: str | None

    def said(self, where: str) -> str:
        """Return the note that tells what was chosen."""
        labels = f", labels from '{self.label}'" if self.label is not None else ""
        return f"{where}: texts from the column '{self.text}'{labels}"


def is_known(name: str) -> bool:
    """Whether a column name is one of the usual names for a text or a label."""
    return any(_fold(name) in tier for tier in (*TEXT_NAMES, *LABEL_NAMES))


def choose_columns(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text: str | None,
    label: str | None,
    need_label: bool,
    where: str,
) -> Columns:
    """Choose the text and label columns.

    Args:
        names: the names of all columns.
        rows: a few rows, to tell texts from labels where two columns have unusual names; may be empty.
        text: the text column as the user named it, or None.
        label: likewise the label column.
        need_label: whether a label column must be found.
        where: the source, for the error.

    Raises:
        DataError: a named column is not there, or it is not clear which is meant; lists the columns.
    """
    chosen_text = _named(names, text, "--text", where) if text is not None else None
    chosen_label = _named(names, label, "--label", where) if label is not None else None
    if chosen_label is None:
        chosen_label = _usual(names, LABEL_NAMES, "label", chosen_text, need_label, where)
    if chosen_text is None:
        chosen_text = _usual(names, TEXT_NAMES, "text", chosen_label, True, where)
    others = [name for name in names if name not in (chosen_text, chosen_label)]
    if chosen_text is None and len(names) == 2 and len(others) == 2:
        chosen_text, chosen_label = _by_content(names, rows)
    elif chosen_text is None and len(others) == 1:
        chosen_text = others[0]
    elif chosen_label is None and need_label and len(others) == 1:
        chosen_label = others[0]
    if chosen_text is None:
        raise _unclear(names, "text", where)
    if chosen_label is None and need_label:
        raise _unclear(names, "label", where)
    return Columns(chosen_text, chosen_label)


def by_length(rows: Sequence[Sequence[str]]) -> int | None:
    """Return which of two columns, 0 or 1, holds the texts, or None where that is not clear.

    Texts are longer than labels, and repeat less.
    """
    if not rows:
        return None
    lengths = [sum(len(row[i]) for row in rows) for i in (0, 1)]
    kinds = [len({row[i] for row in rows}) for i in (0, 1)]
    longer = int(lengths[1] > lengths[0])
    clear = lengths[longer] > 2 * lengths[1 - longer] and kinds[longer] >= kinds[1 - longer]
    return longer if clear else None


def _by_content(names: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str | None, str | None]:
    place = by_length([row for row in rows if len(row) == 2])
    return (None, None) if place is None else (names[place], names[1 - place])


def _named(names: Sequence[str], wanted: str, flag: str, where: str) -> str:
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
        fix=f"did you mean {flag} {near[0]}?" if near else f"name one of them with {flag} COLUMN",
    )


def _usual(
    names: Sequence[str],
    tiers: tuple[frozenset[str], ...],
    what: str,
    taken: str | None,
    needed: bool,
    where: str,
) -> str | None:
    for tier in tiers:
        matches = [name for name in names if _fold(name) in tier and name != taken]
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            if not needed:
                return None
            raise _unclear(names, what, where)
    return None


def _unclear(names: Sequence[str], what: str, where: str) -> DataError:
    return DataError(
        expected=f"one column that is clearly the {what}",
        found=_listed(names),
        where=where,
        fix=f"name it with --{what} COLUMN",
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or "(no name)" for name in names[:20])
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"the column{'s' if len(names) > 1 else ''} {shown}{more}" if names else "no columns"


def _fold(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
