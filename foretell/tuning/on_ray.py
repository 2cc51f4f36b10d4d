"""Workers on a Ray cluster: each is an actor, which runs the same process as on one machine.

The actor holds the pipes of the process; the driver asks it for messages. A model comes back as the files of
its directory. When the actor ends, the pipes close, and so does the process.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from foretell.artifacts.packed import pack, unpack
from foretell.cluster.session import Cluster
from foretell.tuning.answers import ANSWERS
from foretell.tuning.data import files_of
from foretell.tuning.processes import Inbox, Message, Worker, checked_count, start_process
from foretell.tuning.training import MODEL

_POLL_SECONDS, _STOP_SECONDS = 0.5, 2.0
_LOG = "worker.log"


class Host:
    """Runs a worker's process on its node. An actor of Ray: each method answers at once.

    Args:
        data: the files of the data, name to content.
        threads: threads of the process.
        vectors: a file of word vectors that the node has, or "glove"; None: no vectors.
    """

    def __init__(self, data: dict[str, bytes], threads: int, vectors: str | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="foretell-tune-"))
        (self._folder / "data").mkdir()
        for name, content in data.items():
            (self._folder / "data" / name).write_bytes(content)
        options = [] if vectors is None else ["--vectors", vectors]
        with (self._folder / _LOG).open("ab") as log:
            self._process = start_process(self._folder / "data", options, threads, log)
        self._messages: deque[Message | None] = deque()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message to the process; a trial then writes into a folder of this node."""
        if "folder" in message:
            message = {**message, "folder": str(self._folder / f"{message['number']:04d}")}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def poll(self) -> list[Message | None]:
        """Return what the process has sent since; None: it has ended."""
        found = []
        while self._messages:
            found.append(self._messages.popleft())
        return found

    def fetch(self, number: int) -> tuple[dict[str, bytes], bytes | None]:
        """Return the files of a trial's model and its answers, and delete them here."""
        folder = self._folder / f"{number:04d}"
        answers = folder / ANSWERS
        found = pack(folder / MODEL), answers.read_bytes() if answers.exists() else None
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def end(self) -> None:
        """End the process and delete its folder."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                self._messages.append(json.loads(line))
        self._messages.append(None)


class RayWorkers:
    """Starts workers on the cluster to which this process is connected.

    Args:
        count: workers at a time; None: half as many as the cluster has processors, at least one.
        cluster: the cluster.
        data: the folder with the data; its files are sent to the nodes.
        trials: where models of trials are written on this machine.
        vectors: a file of word vectors that every node has, or "glove"; None: no vectors.

    Raises:
        UsageError: `count` is below 1 or above the number of processors.
    """

    def __init__(
        self, count: int | None, cluster: Cluster, data: Path, trials: Path, vectors: str | None = None
    ) -> None:
        import ray

        self.count = checked_count(count, int(cluster.processors))
        self._threads = max(1, int(cluster.processors) // self.count)
        self._actor: Any = ray.remote(num_cpus=self._threads, max_restarts=0)(Host)
        self._data = ray.put(dict(files_of(data)))
        self._trials, self._vectors = trials, vectors

    def start(self, place: int, inbox: Inbox) -> Worker:
        """Start a worker on a node with free processors."""
        actor = self._actor.remote(self._data, self._threads, self._vectors)
        return _Remote(f"worker {place + 1}", actor, inbox, self._trials)


class _Remote:
    """A worker on a cluster."""

    def __init__(self, name: str, actor: Any, inbox: Inbox, trials: Path) -> None:
        self.name = name
        self._actor, self._inbox, self._trials = actor, inbox, trials
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Send it a message."""
        self._actor.send.remote(message)

    def stop(self) -> None:
        """End it at once."""
        import ray

        self._is_stopped.set()
        # It may be gone, or not have started yet.
        with contextlib.suppress(Exception):
            ray.get(self._actor.end.remote(), timeout=_STOP_SECONDS)
        ray.kill(self._actor)

    def _listen(self) -> None:
        import ray

        while not self._is_stopped.is_set():
            try:
                messages: list[Message | None] = ray.get(self._actor.poll.remote())
                for message in messages:
                    if message is not None and message["event"] == "done":
                        self._fetch(message["number"])
                    self._inbox.put((self, message))
                    if message is None:
                        return
            except Exception:
                self._inbox.put((self, None))
                return
            time.sleep(_POLL_SECONDS)

    def _fetch(self, number: int) -> None:
        import ray

        model, answers = ray.get(self._actor.fetch.remote(number))
        folder = self._trials / f"{number:04d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        unpack(model, folder / MODEL)
        if answers is not None:
            (folder / ANSWERS).write_bytes(answers)
