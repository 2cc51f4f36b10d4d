"""The labels of a continued classifier have the type of the new ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.estimator_split import _typed


def ancestor(*labels: str) -> Ancestor:
    return cast(Ancestor, SimpleNamespace(name="old-model", labels=list(labels)))


@pytest.mark.parametrize(
    ("names", "new", "expected"),
    [
        ({"1", "2", "10"}, [2, 10], [1, 2, 10]),
        ({"0.5", "2.0"}, [0.5], [0.5, 2.0]),
        ({"True", "False"}, [True], [False, True]),
        ({"b", "a"}, ["b"], ["a", "b"]),
    ],
)
def test_old_labels_get_the_type_of_the_new(names: set[str], new: list[Any], expected: list[Any]) -> None:
    found = _typed(names, np.array(new), ancestor(*sorted(names)))
    assert found.tolist() == expected
    assert [type(value) for value in found.tolist()] == [type(value) for value in expected]


@pytest.mark.parametrize(("old", "new"), [("good", [1, 2]), ("1.0", [1, 2]), ("1", [True, False])])
def test_labels_of_another_type_are_refused(old: str, new: list[Any]) -> None:
    with pytest.raises(DataError, match=f"as which '{old}' cannot be written"):
        _typed({old, *map(str, new)}, np.array(new), ancestor(old))
