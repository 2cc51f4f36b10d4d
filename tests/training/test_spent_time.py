"""The time that a training has taken is on disk, a few seconds old at most."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

import pytest

from foretell.errors import RunError
from foretell.training import spent_time
from foretell.training.spent_time import SpentTime, read_spent_time


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_noted_is_read(tmp_path: Path) -> None:
    path, seconds = tmp_path / "spent.json", iter([0.5, 2.5])
    spent = SpentTime(path, lambda: next(seconds))
    assert read_spent_time(path) == 0
    for expected in (0.5, 2.5):
        spent.note()
        assert read_spent_time(path) == expected


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "3", '{"seconds": "x"}', '{"seconds": NaN}', '{"seconds": -1}',
    '{"seconds": Infinity}'],
)  # fmt: skip
def test_what_is_no_time_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "spent.json").write_text(content)
    assert read_spent_time(tmp_path / "spent.json") == 0


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spent_time, "replace_file", full_disk)
    with pytest.raises(RunError, match=f"{tmp_path}: expected a folder .* found .*No space left"):
        SpentTime(tmp_path / "spent.json", lambda: 1.0).note()


def test_it_is_noted_again_and_again_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = tmp_path / "spent.json", []

    def seconds() -> float:
        asked.append(0)
        return float(len(asked))

    spent = SpentTime(path, seconds)
    spent.start(every=0.01)
    thread = spent._thread
    assert thread is not None
    # It does not keep a process alive.
    assert thread.daemon
    wait_for(lambda: read_spent_time(path) >= 3)
    with monkeypatch.context() as patch:
        patch.setattr(spent_time, "replace_file", full_disk)
        count = len(asked)
        wait_for(lambda: len(asked) > count + 2)
    # It goes on once there is room again.
    count = len(asked)
    wait_for(lambda: read_spent_time(path) > count)
    spent.stop()
    assert not thread.is_alive()
    count = len(asked)
    time.sleep(0.05)
    assert len(asked) == count
    spent.stop()


def test_one_that_was_not_started_can_be_stopped(tmp_path: Path) -> None:
    SpentTime(tmp_path / "spent.json", lambda: 1.0).stop()
    assert spent_time.SECONDS_BETWEEN_NOTES == 5


def wait_for(happens: Any) -> None:
    for _ in range(3_000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")
