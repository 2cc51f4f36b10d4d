"""X, y and sample_weight as scikit-learn passes them, as examples whose labels are strings."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Unpack

import numpy as np

from foretell.arrays import Array
from foretell.data.checks import check_any
from foretell.data.examples import (
    Column,
    Examples,
    read_examples,
    read_label_hints,
    read_training,
    read_with_column,
    value_of,
)
from foretell.data.frames import frame_records, has_columns, open_frame
from foretell.data.label_sets import label_rows, sets_of
from foretell.data.label_types import classes_of_names, dtype_type, label_name
from foretell.data.records import Reading, ReadOptions, as_list, columns_of, is_missing, values_of
from foretell.data.several import several_files
from foretell.errors import DataError, SettingsError

SEPARATOR = ";"
"""What separates labels in cells and answers, where `y` alone shows that texts may have several."""


@dataclass(frozen=True, kw_only=True)
class EstimatorData:
    """The arguments of `fit`.

    Attributes:
        examples: the texts with a label; labels are strings.
        classes: the labels with their own type, sorted, [label].
        unlabelled: the texts without a label.
        hints: words for the labels; None: none. The same as `examples`: no text has a label.
        notes: how rows of `y` without a label were recognised, one sentence each.
        places: where the texts with a label stood.
        valid: the validation set that the data names by a column `split`; None: it names none.
    """

    examples: Examples
    classes: Array
    unlabelled: tuple[str, ...] = ()
    hints: Examples | None = None
    notes: tuple[str, ...] = ()
    places: list[int] = field(default_factory=list)
    valid: Examples | None = None


def training_data(
    x: object,
    y: object,
    sample_weight: object = None,
    hints: str | Path | Mapping[object, object] | None = None,
    teacher: object = None,
    **how: Unpack[Reading],
) -> EstimatorData:
    """Return what `fit` was given as examples; with hints and no label, the hints are the examples.

    `how` are the options of reading, where `x` is a source of records. With a teacher, `y` may be
    missing: all texts are unlabelled then.

    Raises:
        DataError: something that is not a text or a label, or lengths that differ; as
            `read_examples`.
        SettingsError: hints where texts may have several labels.
    """
    is_source = isinstance(x, str | Path | Examples) or has_columns(x)
    if y is None and not is_source:
        is_source = several_files(x) is not None
        if not is_source and (teacher is not None or hints is not None):
            x = texts_of(x)
            y = [None] * len(x)
    if y is not None:
        texts = texts_in_columns(x, columns_of(how.get("text")))
        data = estimator_data(texts, y, sample_weight, how.get("multi_label", ""))
    elif is_source:
        data = _read(x, sample_weight, how)
    else:
        fix = "this estimator requires y to be passed: fit(texts, labels)"
        raise DataError("a label for each text", "none: y is None", fix=fix)
    if hints is None:
        return data
    if data.examples.sets is not None:
        fix = "leave out the hints"
        raise SettingsError(
            "no label hints where texts may have several labels",
            "label_hints",
            where="multi-label",
            fix=fix,
        )
    words = read_label_hints(hints)
    if len(data.examples):
        return replace(data, hints=words)
    classes = classes_of_names(words.label_names, words.label_type)
    return replace(data, examples=words, classes=classes, hints=words)


def _read(source: object, sample_weight: object, how: Reading) -> EstimatorData:
    if sample_weight is not None:
        raise DataError(
            "no sample_weight where X has the labels too",
            "some",
            where="sample_weight",
            fix="give X and y",
        )
    examples, valid = read_training(source, **how)
    classes = classes_of_names(examples.label_names, examples.label_type)
    return EstimatorData(examples=examples, classes=classes, valid=valid)


def estimator_data(
    x: object,
    y: object,
    sample_weight: object = None,
    multi_label: str = "",
    known: Sequence[str] | None = None,
    *,
    where: str = "X",
) -> EstimatorData:
    """Check texts, labels and weights, and separate the texts without a label (`labelled_rows` has
    the rule).

    `multi_label` separates the labels of a text that may have several; "": it has one, or in
    training `y` shows whether it may. `known` are the labels of the model; None: it is trained.
    `where` is for errors.
    """
    texts = texts_of(x, where=where)
    rows, names = label_rows(y, multi_label)
    weights = weights_of(sample_weight, len(texts))
    of_y = "y" if where == "X" else where
    if len(texts) != len(rows):
        expected = f"{len(texts)} labels, one for each text"
        raise DataError(expected, f"{len(rows)}", where=of_y)
    separator = multi_label
    if known is None and not separator and any(as_list(row) is not None for row in rows):
        separator = SEPARATOR
    if separator:
        data = _with_several_labels(texts, rows, names, separator, known)
    else:
        data = _with_one_label(texts, list(rows), known, of_y)
    has_label = set(data.places)
    others = tuple(text for place, text in enumerate(texts) if place not in has_label)
    if others and known is not None:
        data.examples.notes.append(f"{len(others):,} texts without a label are left out")
    if weights is None:
        return replace(data, unlabelled=others)
    kept = [weights[place] for place in data.places]
    if kept and not any(kept):
        expected = "weights of texts with a label, not all of them 0"
        raise DataError(expected, "0 for each", where="sample_weight")
    return replace(data, unlabelled=others, examples=replace(data.examples, weights=kept))


def _with_several_labels(
    texts: Sequence[str],
    rows: Array | list[object],
    names: Sequence[object] | None,
    separator: str,
    known: Sequence[str] | None,
) -> EstimatorData:
    """Return the texts whose labels are known; columns of a table may have names of their own."""
    if known and not set(known) & set(map(label_name, names or ())):
        names = known
    sets, label_type = sets_of(rows, names)
    places = np.flatnonzero(~np.isnan(sets.values).all(axis=1)).tolist()
    unknown = len(rows) - len(places)
    notes = (f"{unknown:,} texts whose labels are all unknown count as unlabelled",)
    sets = sets.select(places)
    kept = [texts[place] for place in places]
    return EstimatorData(
        examples=Examples(kept, sets.joined(separator), label_type=label_type, sets=sets),
        classes=classes_of_names(sets.names, label_type),
        notes=notes if unknown else (),
        places=places,
    )


def _with_one_label(
    texts: Sequence[str], rows: list[object], known: Sequence[str] | None, where: str
) -> EstimatorData:
    """Return the texts with a label; a warning where -1 may be a label too."""
    for place, row in enumerate(rows):
        if as_list(row) is not None:
            raise DataError("one label for each text", f"{row!r:.60}", where=f"{where}[{place}]")
    _check_not_swapped(texts, rows)
    places, notes = labelled_rows(rows, known or ())
    values = [rows[place] for place in places]
    if notes and _may_have_minus_one(set(map(label_name, values))):
        warnings.warn(notes[0], UserWarning, stacklevel=5)
    typed = _typed(values, where, is_class=known is None)
    if known and typed.dtype.kind in "bif" and np.isin(typed, (0, 1)).all():
        typed = typed.astype(bool if "True" in known else int)
    kept = [texts[place] for place in places]
    labels = list(map(label_name, typed.tolist()))
    examples = Examples(kept, labels, label_type=dtype_type(typed))
    return EstimatorData(examples=examples, classes=np.unique(typed), notes=notes, places=places)


def _may_have_minus_one(labels: set[str]) -> bool:
    """Whether -1, which is none of the labels, may be one: of negative, neutral and positive, or of
    a scale such as -2 to 2.
    """
    return labels == {"0", "1"} or ("-1" not in labels and any(each[0] == "-" for each in labels))


def labelled_rows(
    labels: Iterable[object], known: Sequence[str] = ()
) -> tuple[list[int], tuple[str, ...]]:
    """Find the rows with a label, by scikit-learn's convention for semi-supervised learning.

    None, NaN, pandas' NA, the empty string and the number -1 mean: no label. The string "-1" is a
    label. So is the number -1 in a file, for a model with that label (`known`), or else where only
    one other occurs. Returned are the places of the rows with a label, and how the label -1 was
    taken, if it occurs.
    """
    values = list(labels)
    given = [
        place for place, each in enumerate(values) if not is_missing(each) and str(each).strip()
    ]
    others = [place for place in given if values[place] != -1]
    if not (unknown := len(given) - len(others)) or "-1" in known:
        return given, ()
    if not known and len({str(values[place]) for place in others}) == 1:
        return given, ("-1 counts as a label, because only one other label occurs",)
    texts = "1 text counts" if unknown == 1 else f"{unknown:,} texts count"
    return others, (
        f"{texts} as unlabelled (label -1); give the labels as strings if -1 is one of them",
    )


def _check_not_swapped(texts: Sequence[str], values: Sequence[object]) -> None:
    n_texts = len(set(texts))
    n_labels = len(set(map(str, values)))
    if 2 * n_texts < len(values) < 2 * n_labels and all(isinstance(value, str) for value in values):
        raise DataError(
            "texts in X and labels in y", "the other way round", fix="fit(texts, labels)"
        )


def validation_data(
    valid: object,
    known: Sequence[str] = (),
    own: Examples | None = None,
    **how: Unpack[Reading],
) -> Examples | None:
    """Return the validation set that was given, for a model with the labels `known`; None: there is
    none.

    Without one it is `own`, the part of the training data that its column `split` names.
    """
    if valid is None:
        return own
    if isinstance(valid, tuple) and len(valid) == 2:
        given = estimator_data(*valid, None, how.get("multi_label", ""), known, where="valid")
        check_any(examples := replace(given.examples, name="validation set"))
        return examples
    how.setdefault("part", "valid")
    examples = read_examples(valid, **how)
    if own is not None:
        examples.notes.append(f"left out {len(own):,} validation records of the training data")
    return examples


def evaluation_data(
    source: object, y: object, by: object, known: Sequence[str] = (), **how: Unpack[Reading]
) -> tuple[Examples, Column | None]:
    """Return what `TextClassifier.evaluate` was given: examples, and the column of `by`.

    `source` are texts, or without `y` a source of records; `by` is the name of a column, or a value
    for each text; `known` are the labels of the model, and of the columns of `y` where they have
    other names.

    Raises:
        DataError: as for `read_with_column`, or another number of values than of texts.
    """
    if y is None and isinstance(by, str):
        return read_with_column(source, by, **how)
    if y is None:
        how["part"] = "test"
        examples = read_examples(source, **how)
        places = list(range(len(examples)))
        unlabelled = 0
    else:
        columns = columns_of(how.get("text")) or columns_of(how.get("text_columns"))
        texts = texts_in_columns(source, columns)
        data = estimator_data(texts, y, None, how.get("multi_label", ""), known)
        examples = data.examples
        places = data.places
        unlabelled = len(data.unlabelled)
    if by is None:
        return examples, None
    if isinstance(by, str) or not isinstance(by, Iterable):
        raise DataError(
            "a value for each text", f"the name '{by}'", where="by", fix="give a list of values"
        )
    values = [value_of(value) for value in values_of(by)]
    if len(values) != (n := len(places) + unlabelled):
        raise DataError(f"{n} values, one for each text", len(values), where="by")
    return examples, Column(
        str(getattr(by, "name", None) or "by"), [values[place] for place in places]
    )


def texts_of(source: object, *, where: str = "X", first: int = 0) -> list[str]:
    """Return texts as a list of strings, whatever contains them; in errors the first has the number
    `first`.

    Raises:
        DataError: a single string, several columns, or something that is not a text.
    """
    if isinstance(source, np.ndarray) and source.ndim == 2:
        source = dict(enumerate(source.T))
    if has_columns(source):
        frame = open_frame(source)
        if (n := len(frame.columns)) != 1:
            fix = "give one column, such as X['text'], or name the columns with text=[…]"
            raise DataError("one column of texts", f"{n} columns", where=where, fix=fix)
        values: Iterable[object] = (text for (text,) in frame.rows)
    elif isinstance(source, Iterable) and not isinstance(source, str | bytes | set | frozenset):
        values = values_of(source)
    else:
        fix = "give a list, which has an order: [text]"
        raise DataError("several texts", f"one {type(source).__name__}", where=where, fix=fix)
    texts: list[str] = []
    for place, text in enumerate(values, first):
        if not isinstance(text, str):
            raise _no_text(text, f"{where}[{place}]")
        texts.append(text)
    return texts


def _no_text(value: object, where: str) -> DataError:
    fix = ""
    if isinstance(value, bytes):
        fix = "decode it: text.decode()"
    elif is_missing(value):
        fix = "leave out rows without a text"
    return DataError("a text", f"{value!r:.60}", where=where, fix=fix)


def texts_in_columns(source: object, names: Sequence[str]) -> object:
    """Return the text of each row of a table, in which several columns are joined; what is no table
    as it is, and a table too where no columns are named.
    """
    if not names or not has_columns(source):
        return source
    return [record.text for record in frame_records(source, ReadOptions(text=names), [])]


def weights_of(sample_weight: object, n_texts: int) -> list[float] | None:
    """Return sample weights as floats, [text]; None where there are none."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    weights = np.full(n_texts, weights) if weights.ndim == 0 else weights
    if weights.shape != (n_texts,):
        expected = f"{n_texts} weights, one for each text"
        raise DataError(expected, f"an array of shape {weights.shape}", where="sample_weight")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        expected = "finite weights of at least 0, not all of them 0"
        raise DataError(expected, "others", where="sample_weight")
    return list(map(float, weights))


def _typed(values: Sequence[object], where: str, *, is_class: bool) -> Array:
    """Return labels as an array [text] of one type; sklearn's ValueError: no classes where they
    must be.
    """
    from sklearn.utils.multiclass import check_classification_targets

    if 0 < sum(isinstance(value, str) for value in values) < len(values):
        raise DataError(
            "labels of one type",
            "text and others",
            where=where,
            fix="give all of them as text: list(map(str, y))",
        )
    labels = np.asarray(values)
    if labels.dtype.kind == "M" or (
        labels.dtype == object
        # The intervals of pandas.cut are named without an import of pandas.
        and all(isinstance(v, date) or type(v).__name__ == "Interval" for v in values)
    ):
        labels = labels.astype(str)
    if len(labels) and is_class:
        check_classification_targets(labels)
    return labels
