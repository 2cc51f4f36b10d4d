"""What a copy takes and gives, for each kind of model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foretell.export.copy_answers import Inputs, answer_of, softmax, windows
from foretell.export.source import Rows, Source


def test_windows_are_all_of_the_ids() -> None:
    assert windows([1, 2, 3, 4], 3)[:, :, 0].tolist() == [[1, 2, 3], [2, 3, 4]]
    assert windows([1, 2, 3], 3).dtype == np.float32


def test_softmax_is_over_the_last_axis_and_does_not_overflow() -> None:
    rows = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(rows, [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("labels", {"ids": (1, 4)}),
        ("words-article", {"ids": (2, 3, 1)}),
        ("words", {"ids": (1, 4), "h_1": (1, 9), "c_1": (1, 9), "h_2": (1, 9), "c_2": (1, 9)}),
    ],
)
def test_each_kind_has_its_inputs(
    models: dict[str, Path], name: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    given: list[Inputs] = []

    def run(inputs: Inputs) -> Rows:
        given.append(inputs)
        return np.zeros((1, 4, 5) if name == "words" else (2, 5))

    source = Source(models[name])
    rows = answer_of(run, source)([3, 4, 5, 6])
    assert {key: value.shape for key, value in given[0].items()} == shapes
    assert rows.shape == ((4, 5) if name == "words" else (2, 5))
    if name == "labels":
        answer_of(run, source)([])
        assert given[1]["ids"].tolist() == [[0]]
    else:
        np.testing.assert_allclose(rows.sum(axis=-1), 1)
