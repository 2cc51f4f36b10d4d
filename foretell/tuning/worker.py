"""A worker: a process that trains one trial after another, and talks to the driver in lines of JSON.

    python -m foretell.tuning.worker FOLDER        FOLDER: what `LabelsData.write` or `WordsData.write` wrote

The driver writes {"do": "trial", …} and {"do": "prune", "number": n} to standard input; this process writes
{"event": "ready"}, "figure", and "done", "pruned" or "failed" to standard output. When its standard input
ends, the driver is gone, and the worker ends at once.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
from functools import partial
from pathlib import Path
from typing import IO, Any

_ENDED = 1


class _Driver:
    """The driver's end of the pipes: tasks in a queue, and the trials that it has stopped."""

    def __init__(self, incoming: IO[str], outgoing: IO[str]) -> None:
        self.tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._pruned: set[int] = set()
        self._incoming, self._outgoing = incoming, outgoing
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Write a message."""
        self._outgoing.write(json.dumps(message) + "\n")
        self._outgoing.flush()

    def has_pruned(self, number: int) -> bool:
        """Whether the driver has stopped a trial."""
        return number in self._pruned

    def _listen(self) -> None:
        for line in self._incoming:
            message = json.loads(line)
            if message.pop("do") == "prune":
                self._pruned.add(message["number"])
            else:
                self.tasks.put(message)
        # A training in another thread cannot be stopped in any other way.
        os._exit(_ENDED)


def main() -> None:
    """Work until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processors", default="", help="numbers of the processors that may be used: 0,1")
    parser.add_argument("--vectors", default=None)
    options = parser.parse_args()
    if options.processors and hasattr(os, "sched_setaffinity"):
        # Every library takes its number of threads from these.
        os.sched_setaffinity(0, {int(number) for number in options.processors.split(",")})
    driver = _Driver(sys.stdin, _own_output())
    # Imported now, so that the first trial does not take longer than the others.
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401

    from foretell.tuning.data import read_data
    from foretell.tuning.training import run_trial
    from foretell.tuning.trials import Task

    data = read_data(options.folder)
    driver.send({"event": "ready"})
    while True:
        task = Task(**driver.tasks.get())
        is_pruned = partial(driver.has_pruned, task.number)
        driver.send(run_trial(task, data, driver.send, is_pruned, options.vectors))


def _own_output() -> IO[str]:
    """Return standard output for messages alone: what libraries print goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    main()
