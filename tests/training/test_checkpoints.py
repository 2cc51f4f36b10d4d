"""Checkpoints come back bit for bit, and a damaged one is never read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from foretell.errors import RunError
from foretell.training.checkpoints import Checkpoints


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.float32, array_shapes(min_dims=0, max_dims=3, max_side=4)),
    st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False) | st.integers() | st.text(max_size=5)),
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path_factory, array, state) -> None:
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run"))
    turned = array.T
    checkpoints.save(7, {"a": array, "part/turned": turned}, state)
    saved = checkpoints.latest()
    assert saved is not None
    assert saved.step == 7
    assert saved.state == state
    assert saved.arrays["a"].tobytes() == array.tobytes()
    assert saved.arrays["a"].shape == array.shape
    assert saved.under("part")["turned"].tobytes() == turned.tobytes(order="C")
    assert list(saved.under("part")) == ["turned"]


def test_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.latest() is None
    for step in (1, 2, 3):
        checkpoints.save(step, {"x": np.zeros(3)}, {})
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
    assert checkpoints.latest().step == checkpoints.newest_step == 3


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_newest_one_is_passed_over(tmp_path: Path, name: str, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"x": np.arange(100.0)}, {"epoch": 1})
    path = checkpoints.save(2, {"x": np.arange(100.0) + 1}, {"epoch": 2}) / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        at = content.index(b'"epoch') + 3 if name == "state.json" and b'"epoch' in content else -20
        if name == "state.json":
            at = content.index(b"epoch") + 1
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert checkpoints.latest().step == 1


def test_only_damaged_ones_are_an_error_that_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    (checkpoints.save(1, {"x": np.zeros(3)}, {}) / "state.json").unlink()
    with pytest.raises(RunError, match="restart"):
        checkpoints.latest()


def test_a_disk_that_refuses_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"x": np.zeros(3)}, {})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left"):
        checkpoints.save(2, {"x": np.zeros(3)}, {})
    assert checkpoints.latest().step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000001"]


def test_due_on_a_clock(tmp_path: Path) -> None:
    assert not Checkpoints(tmp_path, every=60).due()
    assert Checkpoints(tmp_path, every=0).due()
