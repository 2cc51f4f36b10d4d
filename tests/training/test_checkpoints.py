"""Checkpoints come back bit for bit, and a damaged one is never read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

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


def test_what_follows_a_checkpoint_is_called_once_it_is_on_disk(tmp_path: Path) -> None:
    seen: list[int] = []
    checkpoints = Checkpoints(tmp_path, after=lambda: seen.append(len(list(tmp_path.iterdir()))))
    for step in (1, 2):
        checkpoints.save(step, {"x": np.zeros(2)}, {})
    assert seen == [1, 2]


def test_folders_with_other_names_are_left_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    prefix = checkpoints.save(1, {"x": np.zeros(2)}, {}).name[:-8]
    others = {f"{prefix}{name}" for name in ("123", "1234567x", "123456789", "abcdefgh")}
    for name in others:
        (tmp_path / name).mkdir()
    for step in (2, 3, 4):
        checkpoints.save(step, {"x": np.zeros(2)}, {})
    assert {path.name for path in tmp_path.iterdir()} == {*others, f"{prefix}00000003", f"{prefix}00000004"}
    assert checkpoints.latest().step == 4


def test_due_on_a_clock(tmp_path: Path) -> None:
    assert not Checkpoints(tmp_path, every=60).due()
    assert Checkpoints(tmp_path, every=0).due()


def test_every_value_of_the_record_is_hashed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, request="a" * 64)
    checkpoints.save(1, {"x": np.zeros(3)}, {})
    path = checkpoints.save(2, {"x": np.ones(3)}, {"epoch": 2}) / "state.json"
    record = json.loads(path.read_text())
    changes: list[dict[str, Any]] = [
        {"step": 3}, {"step": 2.0}, {"step": "2"}, {"state": '{"epoch": 3}'}, {"request_sha256": "b" * 64},
        {"record_sha256": "0" * 64}, {"arrays_sha256": "0" * 64}, {"more": 1},
    ]  # fmt: skip
    for change in changes:
        path.write_text(json.dumps({**record, **change}))
        assert checkpoints.latest().step == 1, change
    for name in record:
        path.write_text(json.dumps({key: value for key, value in record.items() if key != name}))
        assert checkpoints.latest().step == 1, name
    path.write_text(json.dumps(record))
    assert checkpoints.latest().step == 2


def test_every_flipped_bit_of_a_record_is_caught(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"x": np.zeros(3)}, {})
    path = checkpoints.save(2, {"x": np.ones(3)}, {"epoch": 2}) / "state.json"
    content = path.read_bytes()
    whole = json.loads(content)
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= 1 << (at % 8)
        path.write_bytes(flipped)
        read = checkpoints.latest()
        # White space between the values holds nothing.
        assert read.step == 1 or json.loads(flipped) == whole, content[max(0, at - 9) : at + 9]


def test_a_checkpoint_of_another_run_is_not_read(tmp_path: Path) -> None:
    Checkpoints(tmp_path, request="a" * 64).save(1, {"x": np.zeros(3)}, {})
    other = Checkpoints(tmp_path, request="b" * 64)
    with pytest.raises(RunError, match="1 damaged or of another run"):
        other.latest()
    other.save(2, {"x": np.zeros(3)}, {})
    assert other.latest().step == 2


def test_a_folder_that_cannot_be_made_or_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="room for a checkpoint"):
        Checkpoints(tmp_path / "file" / "checkpoints").save(1, {}, {})
