"""Checkpoints come back bit for bit, and a damaged one is never read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors import SafetensorError

from foretell.errors import RunError
from foretell.training import checkpoints as module
from foretell.training.checkpoints import Checkpoints, sealed, sealing


@settings(max_examples=15, deadline=None)
@given(
    arrays(np.float32, array_shapes(min_dims=0, max_dims=3, max_side=4)),
    st.dictionaries(
        st.text(max_size=5), st.floats(allow_nan=False) | st.integers() | st.text(max_size=5)
    ),
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path_factory, array, state) -> None:
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run"))
    turned = array.T
    checkpoints.save(7, {"a": array, "part/turned": turned}, state)
    saved = checkpoints.latest()
    assert (saved.step, saved.state) == (7, state)
    assert saved.arrays["a"].tobytes() == array.tobytes()
    assert saved.arrays["a"].shape == array.shape
    assert saved.under("part")["turned"].tobytes() == turned.tobytes(order="C")
    assert list(saved.under("part")) == ["turned"]


def test_two_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    checkpoints = Checkpoints(folder)
    assert checkpoints.latest() is None
    checkpoints.save(1, {"x": np.zeros(3)}, {})
    others = {
        f"checkpoint-{name}.x.safetensors" for name in ("123", "1234567x", "123456789", "abcdefgh")
    }
    for name in others:
        (folder / name).touch()
    for step in (2, 3):
        checkpoints.save(step, {"x": np.zeros(3)}, {})
    names = {path.name for path in folder.iterdir()}
    assert others < names
    assert {name[:19] for name in names - others} == {"checkpoint-00000002", "checkpoint-00000003"}

    assert checkpoints.latest().step == checkpoints.newest_step == 3


def test_a_damaged_newest_one_is_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"x": np.arange(3.0)}, {"epoch": 1})
    path = checkpoints.save(2, {"x": np.arange(3.0) + 1}, {"epoch": 2})
    content = path.read_bytes()
    damaged = [content[: len(content) // 2], content + b"\0"]
    damaged += [
        content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        for at in range(len(content))
    ]
    for each in damaged:
        path.write_bytes(each)
        assert checkpoints.latest().step == 1
    path.write_bytes(content)
    assert checkpoints.latest().step == 2
    renamed = path.rename(path.with_name(path.name.replace("00000002", "00000009")))
    assert checkpoints.latest().step == 2, "its name is no part of what it holds"
    renamed.unlink()
    assert checkpoints.latest().step == 1


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (os, "fsync", OSError(28, "No space left")),
        (module, "save_file", SafetensorError("No space left")),
    ],
)
def test_a_disk_that_refuses_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, error: Exception
) -> None:
    checkpoints = Checkpoints(tmp_path)
    earlier = checkpoints.save(1, {"x": np.zeros(3)}, {})

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, full)
    with pytest.raises(RunError, match=r"room for a checkpoint, found .*No space left"):
        checkpoints.save(2, {"x": np.zeros(3)}, {})
    assert checkpoints.latest().step == 1
    assert list(tmp_path.iterdir()) == [earlier]


def test_due_on_a_clock() -> None:
    assert not Checkpoints(Path("m"), every=60).due()
    assert Checkpoints(Path("m"), every=0).due()


def test_what_is_damaged_or_of_another_run_is_not_read(tmp_path: Path) -> None:
    Checkpoints(tmp_path, request="a" * 64).save(1, {"x": np.zeros(3)}, {})
    other = Checkpoints(tmp_path, request="b" * 64)
    other.save(2, {"x": np.zeros(3)}, {}).write_bytes(b"")
    with pytest.raises(RunError, match=r"2 damaged or of another run.*restart"):
        other.latest()
    other.save(2, {"x": np.zeros(3)}, {})
    assert other.latest().step == 2
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="room for a checkpoint"):
        Checkpoints(tmp_path / "file" / "checkpoints").save(1, {}, {})


def test_a_sealed_file_is_whole_or_not_there(tmp_path: Path) -> None:
    assert sealed(tmp_path / "none", "text") is None
    with pytest.raises(ZeroDivisionError), sealing(tmp_path, "text", "bin", "a text") as path:
        path.write_bytes(bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []
    with sealing(tmp_path, "text", "bin", "a text") as path:
        path.write_bytes(b"whole")
    found = sealed(tmp_path, "text")
    assert found is not None
    assert found.read_bytes() == b"whole"
    assert sealed(tmp_path, "tex") is None
    found.write_bytes(b"Whole")
    assert sealed(tmp_path, "text") is None
    # A newer one takes its place.
    with sealing(tmp_path, "text", "bin", "a text") as path:
        path.write_bytes(b"newer")
    assert list(tmp_path.iterdir()) == [sealed(tmp_path, "text")]
