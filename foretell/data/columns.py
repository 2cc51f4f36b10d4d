"""Which column is the text and which the label: chosen where it is clear, an error where it is
not.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from foretell.data.decode import note
from foretell.data.label_types import common_type, type_of
from foretell.data.records import (
    Option,
    Part,
    ReadOptions,
    Record,
    as_list,
    is_nested,
    joined_text,
    label_of,
    paths_in,
    spelled,
    text_of,
    value_at,
)
from foretell.errors import DataError
from foretell.readable import listed, nearest

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
comentário mensagem opinião testo messaggio recensione tekst bericht treść opinia
wiadomość metin yorum текст отзыв сообщение комментарий النص نص 文本 内容 內容 评论 評論 正文
本文 テキスト レビュー 텍스트 리뷰 내용 댓글
"""
        ),
        _words("description title headline summary question query subject"),
    ),
    "label": (
        _words("label"),
        _words(
            """
sentiment class category target y labels polarity emotion intent topic tag
airline_sentiment kategorie klasse catégorie classe étiquette categoría categoria
etiqueta rótulo etichetta categorie kategoria etykieta kategori etiket sınıf
категория метка класс التصنيف تصنيف 标签 標籤 类别 類別 分类 分類 ラベル カテゴリ カテゴリー
라벨 레이블 분류 카테고리
"""
        ),
        _words("rating stars score type spam stance"),
    ),
}
_VAGUE = len(_USUAL["label"]) - 1
_PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
"""What the cells of a column of parts mean."""
_A_PART = f"one of {listed(_PARTS)}"
Value = TypeVar("Value")
MIN_TO_JUDGE = 20
"""Fewer values than this are not called nearly unique."""
_UNIQUE_SHARE = 0.9
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d\d))([T ].*)?$"
)
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?$", re.I)
_SWITCHES = _words("true false yes no 0 1 y n t f")


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read.

    Attributes:
        text: the text column, or several whose texts are joined.
        label: the label column; None: there is none.
        several_labels: whether a text may have several labels.
        split, weight: the columns with the part and the weight of each text; None: there is none,
            or it is not asked for.
    """

    text: tuple[str, ...]
    label: str | None
    several_labels: bool = False
    split: str | None = None
    weight: str | None = None

    def add_note(self, source: str, options: ReadOptions, notes: list[str]) -> None:
        """Add the note on which columns were chosen that the user has not named."""
        read = [("parts", self.split), ("weights", self.weight)]
        if not options.texts:
            label = self.label if options.need_label else None
            read = [("texts", "' and '".join(self.text)), ("labels", label), *read]
        chosen = [f"{what} from '{name}'" for what, name in read if name is not None]
        if chosen:
            sentence = ", ".join(chosen).replace(" from ", " from the column ", 1)
            note(notes, f"{source}: {sentence}")

    def record(self, row: Mapping[str, object], where: str) -> Record:
        """Return the record of a mapping from column to value; `where` is its place, for errors."""
        text = self._text(row, where)
        part: Part | None = _read(row, "split", self.split, _part_of, _A_PART, where)
        weight = _read(row, "weight", self.weight, _weight_of, "a number of at least 0", where)
        label = None if self.label is None else value_at(row, self.label)
        several = as_list(label) if self.several_labels else None
        if several is None:
            _check_single(label, "label", self.label or "", where)
            return Record(text, label_of(label), row, type_of(label), None, part, weight)
        # Without repetitions and missing values.
        given = {name: type_of(value) for value in several if (name := label_of(value)) is not None}
        return Record(text, None, row, common_type(given.values()), tuple(given), part, weight)

    def _text(self, row: Mapping[str, object], where: str) -> str:
        parts = []
        for name in self.text:
            value = value_at(row, name)
            _check_single(value, "text", name, where)
            parts.append((name, text_of(value)))
        if len(parts) > 1:
            return joined_text(parts)
        return "".join(text for _, text in parts)


def _part_of(cell: str) -> Part | None:
    return _PARTS.get(cell.strip().casefold())


def _weight_of(cell: str) -> float | None:
    """Return a finite number of at least 0; None: the cell has none."""
    with contextlib.suppress(ValueError):
        weight = float(cell)
        if math.isfinite(weight) and weight >= 0:
            return weight
    return None


def _read(
    row: Mapping[str, object],
    option: Option,
    column: str | None,
    parse: Callable[[str], Value | None],
    expected: str,
    where: str,
) -> Value | None:
    """Return the value of a cell; None: there is no such column. DataError: it has no value."""
    if column is None:
        return None
    cell = text_of(value_at(row, column))
    value = parse(cell)
    if value is None:
        raise DataError(
            f"{expected} in the column '{column}'",
            repr(cell[:40]),
            where=where,
            fix=f"correct it, or leave the column out: {spelled(option, '')}",
        )
    return value


def _check_single(value: object, role: Role, name: str, where: str) -> None:
    """Raise DataError for a collection where one value belongs."""
    if not is_nested(value):
        return
    paths = list(paths_in({name: value}))
    fix = ""
    if paths != [name]:
        fix = f"name one of its members: {spelled(role, paths[0])}"
    elif isinstance(value, Mapping):
        fix = 'with pandas: to_json(orient="records", lines=True)'
    elif role == "text" and _are_records(value):
        fix = f"take the records out of the file: jq '.{name}' OLD.json > NEW.json"
    elif role == "text" and as_list(value) is not None:
        fix = "join its items to one text"
    elif role == "label" and as_list(value) is not None:
        fix = "where texts may have several labels, set multi-label to a separator such as ;"
    raise DataError(f"one value in '{name}'", f"a {type(value).__name__}", where=where, fix=fix)


def _are_records(value: object) -> bool:
    return isinstance((as_list(value) or [None])[0], Mapping)


def is_known(name: str) -> bool:
    """Whether a column name is one of the usual names for a text or a label."""
    return any(_tier(name, role) < len(tiers) for role, tiers in _USUAL.items())


def choose_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], options: ReadOptions, where: str
) -> Columns:
    """Choose the columns.

    Args:
        names: the names of all columns.
        rows: a few rows, by which texts, labels and other columns are distinguished; may be empty.
        options: the columns that the caller named, and whether a label column is needed.
        where: the source, for the error.

    Raises:
        DataError: a named column does not exist, or the choice is not clear; lists the columns.
    """
    wanted = options.texts or options.text_columns
    texts = tuple(_named(names, name, "text", where) for name in wanted)
    label = None if options.label is None else _named(names, options.label, "label", where)
    if label in texts:
        raise DataError("two columns", f"'{label}' for texts and labels", where=where)
    named = (*texts, label)
    aside = {
        "split": _aside(names, rows, named, "split", options.split, _part_of, where),
        "weight": _aside(names, rows, named, "weight", options.weight, _weight_of, where),
    }
    places = [place for place, name in enumerate(names) if name not in aside.values()]
    if not texts or label is None:
        kept = [names[place] for place in places]
        cells = [[row[place] for place in places] for row in rows if len(row) == len(names)]
        texts, label = _completed(kept, cells, texts, label, options, where)
    several = bool(options.multi_label)
    if options.part is None or not options.need_label:
        return Columns(texts, label, several)
    return Columns(texts, label, several, **aside)


def columns_of_rows(
    rows: Sequence[Mapping[str, object]], options: ReadOptions, where: str
) -> Columns:
    """Choose the columns of the first records of a source, as `choose_columns`; the path of a
    member is a name too.
    """
    names = list(dict.fromkeys(path for row in rows for path in paths_in(row)))
    cells = [[text_of(value_at(row, name)) for name in names] for row in rows]
    return choose_columns(names, cells, options, where)


def _aside(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    named: Collection[str | None],
    option: Literal["split", "weight"],
    wanted: str | None,
    parse: Callable[[str], object],
    where: str,
) -> str | None:
    """Return the column with the parts or the weights of the texts: the one that is `wanted`, or
    the one called like the option, if a first cell has such a value; None: there is none.
    """
    if wanted is not None:
        return _named(names, wanted, option, where) if wanted else None
    for place, name in enumerate(names):
        if _fold(name) == option and name not in named:
            cells = (row[place] for row in rows if place < len(row))
            if any(parse(cell) is not None for cell in cells):
                return name
    return None


def _completed(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    texts: tuple[str, ...],
    label: str | None,
    options: ReadOptions,
    where: str,
) -> tuple[tuple[str, ...], str | None]:
    """Return the text columns and the label column, of which the caller has named some."""
    if label is None:
        label = _usual(names, "label", texts, options, where)
    if not texts:
        text = _usual(names, "text", (label,), options, where)
        texts = () if text is None else (text,)
    if not texts or label is None:
        texts, label = _by_elimination(names, rows, texts, label, options)
    if not texts:
        raise _unclear(names, "text", where)
    if options.need_label and options.label is None:
        cells = {name: _cells(rows, place) for place, name in enumerate(names) if name not in texts}
        _check_label(names, cells, label, options, where)
    return texts, label


def _by_elimination(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    texts: tuple[str, ...],
    label: str | None,
    options: ReadOptions,
) -> tuple[tuple[str, ...], str | None]:
    """Return what the columns without a role show: the last one, or the longer one of two."""
    others = [name for name in names if name not in (*texts, label)]
    if len(others) == len(names) == 2:
        place = by_length(rows)
        if place is None:
            return (), None
        return (names[place],), names[1 - place]
    if len(others) != 1:
        return texts, label
    if not texts:
        return (others[0],), label
    return texts, others[0] if options.need_label else label


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
    """Check a label column that nobody asked for; `cells` has those of each column but the texts'.

    A column that is called "label" or the like is taken. One with a name such as "stars" is not
    clear beside a column of words that repeat. One with another name must not look like an
    identifier, dates or numbers.
    """
    tier = _tier(label, "label")
    if tier < _VAGUE or (options.multi_label and label is not None):
        return
    likely = [name for name, values in cells.items() if _repeat(values)]
    if tier == _VAGUE:
        likely = [name for name in cells if name in likely or name == label]
        is_clear = not any(_are_words(cells[name]) for name in likely if name != label)
    else:
        is_clear = label is not None
    if not is_clear:
        several = len(likely) > 1
        raise _unclear(likely if several else names, "label", where, several=several)
    reason = _why_no_label(cells.get(label or "", []))
    if reason and tier > _VAGUE:
        raise DataError(
            "a column for the labels",
            f"only '{label}', {reason}",
            where=where,
            fix=f"name it with {spelled('label', 'COLUMN')}",
        )


def _tier(name: str | None, role: Role) -> int:
    """Return the tier of usual names that a name is in; their number: it is in none."""
    tiers = _USUAL[role]
    return next((i for i, tier in enumerate(tiers) if _fold(name or "") in tier), len(tiers))


def _repeat(values: Sequence[str]) -> bool:
    """Whether values occur several times, as labels do, and are no dates."""
    return 1 < len(set(values)) <= max(2, len(values) // 2) and not are_dates(values)


def _cells(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    cells = (row[place].strip() for row in rows)
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
    if kinds > 2 and all(map(_NUMBER.match, values)):
        return "which holds numbers"
    return ""


def _named(names: Sequence[str], wanted: str, role: Option, where: str) -> str:
    wanted = str(wanted)
    if wanted in names:
        return wanted
    folded = [name for name in names if _fold(name) == _fold(wanted)]
    if len(folded) == 1:
        return folded[0]
    fix = f"name one of them with {spelled(role, 'COLUMN')}"
    if (near := nearest(wanted, names)) is not None:
        fix = f"did you mean {spelled(role, near)}?"
    raise DataError(f"a column named '{wanted}'", _listed(names), where=where, fix=fix)


def _usual(
    names: Sequence[str],
    role: Role,
    taken: Collection[str | None],
    options: ReadOptions,
    where: str,
) -> str | None:
    for tier in _USUAL[role]:
        matches = [name for name in names if _fold(name) in tier and name not in taken]
        if len(matches) > 1 and (role == "text" or options.need_label):
            raise _unclear(matches, role, where, several=True)
        if matches:
            # Of several that could be the label, which is not needed, none is.
            return None if len(matches) > 1 else matches[0]
    return None


def _unclear(names: Sequence[str], role: Role, where: str, *, several: bool = False) -> DataError:
    found = _listed(names)
    if several:
        found = f"several that could be: {listed(names)}"
    fix = f"name it with {spelled(role, 'COLUMN')}"
    if not all(names):
        fix += f", or the row of the names with {spelled('header_row', 'N')}"
    return DataError(f"one column that is clearly the {role}", found, where=where, fix=fix)


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no columns"
    shown = listed(name or "(no name)" for name in names)
    return f"the column{'s' * (len(names) > 1)} {shown}"


def _fold(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
