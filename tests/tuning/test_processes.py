"""Workers as processes: one that trains, and what happens when it or the driver dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tuning.tiny import TINY
from tuning.trial_workers import inbox

from foretell.config import to_dict, with_changes
from foretell.data.examples import Examples
from foretell.errors import UsageError
from foretell.machine import usable_processors
from foretell.presets import preset
from foretell.tuning.data import LabelsData
from foretell.tuning.processes import Inbox, Message, ProcessWorkers, Worker, checked_count, start_process
from foretell.tuning.trials import Task

Reviews = tuple[list[str], list[str]]


def next_of(messages: Inbox, event: str | None, seconds: float = 120.0) -> Message | None:
    """Return the next message of a kind; None: the end of the worker."""
    end = time.monotonic() + seconds
    while True:
        _, message = messages.get(timeout=end - time.monotonic())
        if message is None or message["event"] == event:
            return message


@pytest.fixture
def data(reviews: Reviews, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    LabelsData(examples=Examples(*reviews)).write(folder)
    return folder


def test_the_number_of_workers() -> None:
    assert [checked_count(None, processors) for processors in (1, 2, 3, 8)] == [1, 1, 1, 4]
    assert checked_count(8, 8) == 8
    with pytest.raises(UsageError, match=r"workers: expected 1 to 2 \(a processor .*\), found 3"):
        checked_count(3, 2)


@pytest.mark.soak
def test_a_process_trains_trials_and_ends_when_it_is_stopped(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    workers = ProcessWorkers(1, data, tmp_path / "workers.log")
    messages = inbox()
    worker: Worker = workers.start(0, messages)
    assert next_of(messages, "ready") == {"event": "ready"}
    settings = to_dict(with_changes(preset("labels", "base"), {**TINY, "units": 4, "valid_fraction": 0.3}))
    task = Task(number=0, settings=settings, preset="base", seconds=60, folder=str(tmp_path / "0"))
    worker.send(task.message())
    found = next_of(messages, "done")
    assert found is not None
    assert (tmp_path / "0" / "model" / "config.json").exists()
    assert found["figures"]["macro_f1"] > 0
    worker.stop()
    assert next_of(messages, "done", 5) is None
    # Nothing is sent to a worker that has ended.
    worker.send(task.message())


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_worker_that_is_killed_is_noticed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []

    def start(*how: object) -> subprocess.Popen[str]:
        started.append(start_process(*how))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr("foretell.tuning.processes.start_process", start)
    messages = inbox()
    worker = ProcessWorkers(1, data, tmp_path / "workers.log").start(0, messages)
    os.kill(started[0].pid, signal.SIGKILL)
    assert next_of(messages, "ready", 20) is None
    worker.stop()


def test_a_worker_ends_when_its_driver_is_gone(data: Path) -> None:
    process = start_process(data, [], usable_processors(), subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.wait(120) == 1
    process.stdout.close()
