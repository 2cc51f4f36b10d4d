"""Workers without processes: scripted ones, and one that trains in the process of the test."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from foretell.tuning.data import read_data
from foretell.tuning.processes import Inbox, Message, Worker
from foretell.tuning.training import run_trial
from foretell.tuning.trials import Task

Script = Callable[[Task], Iterable[Message | None]]
"""What a worker sends for a trial; None: it ends. Nothing: the trial goes on for ever."""


def done(
    task: Task, value: float, *, key: str = "macro_f1", seconds: float = 1.0, size_mb: float = 1.0
) -> Message:
    """Return the message of a trial that is complete."""
    return {
        "event": "done",
        "number": task.number,
        "figures": {key: value},
        "size_mb": size_mb,
        "seconds": seconds,
        "is_limited": False,
    }


class Scripted:
    """Workers whose trials are a function of the task. It also records every task."""

    def __init__(self, script: Script, count: int = 1) -> None:
        self.count = count
        self.script = script
        self.tasks: list[Task] = []
        self.stopped: list[str] = []

    def start(self, place: int, inbox: Inbox) -> Worker:
        worker = _ScriptedWorker(f"worker {place + 1}", self, inbox)
        inbox.put((worker, {"event": "ready"}))
        return worker


class _ScriptedWorker:
    def __init__(self, name: str, workers: Scripted, inbox: Inbox) -> None:
        self.name, self._workers, self._inbox = name, workers, inbox
        self._seconds = 0.1

    def send(self, message: Message) -> None:
        message = dict(message)
        if message.pop("do") == "prune":
            end = {"event": "pruned", "number": message["number"], "seconds": 0.1, "is_limited": False}
            self._inbox.put((self, end))
            return
        task = Task(**message)
        self._workers.tasks.append(task)
        for each in self._workers.script(task):
            self._inbox.put((self, each))

    def stop(self) -> None:
        self._workers.stopped.append(self.name)


class InProcess:
    """One worker that trains here; TensorFlow is loaded once for all tests."""

    count = 1

    def __init__(self, data: Path | None = None, *_: Any) -> None:
        self.data = data

    def start(self, place: int, inbox: Inbox) -> Worker:
        del place
        worker = _Here(self, inbox)
        inbox.put((worker, {"event": "ready"}))
        return worker


class _Here:
    name = "here"

    def __init__(self, workers: InProcess, inbox: Inbox) -> None:
        self._workers, self._inbox = workers, inbox

    def send(self, message: Message) -> None:
        message = dict(message)
        if message.pop("do") != "trial":
            return
        task = Task(**message)
        folder = self._workers.data or Path(task.folder).parent.parent / "data"
        end = run_trial(task, read_data(folder), lambda sent: self._inbox.put((self, sent)), lambda: False)
        self._inbox.put((self, end))

    def stop(self) -> None:
        return None


def inbox() -> Inbox:
    return queue.SimpleQueue()
