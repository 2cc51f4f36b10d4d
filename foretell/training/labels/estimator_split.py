"""The data of `TextClassifier.fit`: a split, what is continued, and the labels with their own type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.config import LabelsSettings
from foretell.data.estimator_inputs import EstimatorData, validation_data
from foretell.data.records import Reading
from foretell.data.split import Split, make_split
from foretell.errors import DataError
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.continued import Continued, continued_split

Classes = npt.NDArray[Any]


def split_of(
    data: EstimatorData,
    texts: Sequence[str],
    settings: LabelsSettings,
    ancestor: Ancestor | None,
    how: Reading,
    *,
    valid: Any = None,
    old: Any = None,
    old_valid: Any = None,
) -> tuple[Split, Continued | None, Classes]:
    """Return the split, what it continues, and the classes with their own type, sorted, [label].

    Args:
        data: the arguments of `fit`.
        texts, settings: all texts without labels, and the settings of the classifier.
        ancestor: the classifier to continue, or None.
        how: the options of reading.
        valid, old, old_valid: arguments of `fit`.

    Raises:
        DataError: labels of another type than those of the classifier; hints beside one; as `make_split` and
            `continued_split`.
    """
    names = None if data.examples.sets is None else data.examples.sets.names
    of_valid: Reading = {**how, "multi_label": settings.multi_label}
    of_old: Reading = {**how, "multi_label": ""}
    validation = validation_data(valid, names, **of_valid)
    if ancestor is None:
        split = make_split(
            data.examples,
            valid=validation,
            fraction=settings.fraction_for(len(data.examples)),
            seed=settings.seed,
            unlabelled=texts,
            hints=data.hints,
        )
        return split, None, data.classes
    if data.hints is not None:
        raise DataError(expected="no label hints with continue_from", found="some", where="label_hints")
    split, continued = continued_split(
        data.examples,
        ancestor,
        old=validation_data(old, **of_old),
        old_valid=validation_data(old_valid, **of_old),
        valid=validation,
        unlabelled=texts,
        settings=settings,
    )
    return split, continued, _typed({*ancestor.labels, *split.train.labels}, data.classes, ancestor)


def _typed(names: set[str], classes: Classes, ancestor: Ancestor) -> Classes:
    """Return labels, which a model directory has as text, in the type of the new ones, sorted, [label]."""
    kind = classes.dtype.type
    if classes.dtype.kind not in "biuf":
        return np.unique(np.array(sorted(names)))
    values = {name: _number(name, kind) for name in names}
    if wrong := sorted(name for name, value in values.items() if str(value) != name):
        raise DataError(
            expected=f"labels of the type of those of {ancestor.name} ({ancestor.labels[0]!r} is one)",
            found=f"{kind.__name__}, as which {wrong[0]!r} cannot be written",
            where="y",
            fix="give labels of the same type",
        )
    return np.unique(np.array(list(values.values()), classes.dtype))


def _number(name: str, kind: type) -> Any:
    """Return the label with this name as a number or boolean; None: there is none."""
    if kind is np.bool_:
        return {"True": True, "False": False}.get(name)
    try:
        return kind(name).item()
    except ValueError:
        return None
