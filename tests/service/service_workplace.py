"""What the tests of the service share: small models with random weights, and a real server on
loopback.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from foretell.annotation.annotation import Annotation
from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.service.app import create_app
from foretell.service.auth import Access
from foretell.service.limits import Limits
from foretell.service.listening import bind, url
from foretell.service.models import Service
from foretell.service.server import Server
from tests.builders import write_random

TEXT = (
    "the mind adapts and converts to its own purposes the obstacle to our acting . good bad 😀 way"
)
VERBS = ("classify", "explain", "next", "score", "states", "completions")
REVIEWS = [
    "good way",
    "bad mind 😀 obstacle",
    "",
    "the mind the mind nosuchword " * 12,
    "adapts own",
]


def write_words(path: Path, *, text: str = TEXT, seed: int = 7, **changes: Any) -> Path:
    """Write a language model with random weights whose vocabulary is the words of a text."""
    settings = WordsSettings(**{"embedding_size": 12, "units": 8, "layers": 2, **changes})
    return write_random(path, settings, text=text, seed=seed)


def write_labels(
    path: Path,
    *,
    labels: tuple[str, ...] = ("neg", "pos"),
    text: str = TEXT,
    seed: int = 7,
    **changes: Any,
) -> Path:
    """Write a classifier with random weights whose vocabulary is the words of a text."""
    settings = LabelsSettings(**{"embedding_size": 6, "units": 5, "length": 30, **changes})
    return write_random(path, settings, list(labels), text=text, seed=seed)


def write_several(path: Path) -> Path:
    """Write a classifier whose texts may have several labels."""
    settings = LabelsSettings(embedding_size=6, units=5, length=30, multi_label=";")
    ensemble = LabelwiseEnsemble(
        network=(1.0,) * 3, offsets=(3.0, 2.0, -4.0), thresholds=(0.5, 0.5, 0.5)
    )
    return write_random(path, settings, ["ux", "bug", "billing"], text=TEXT, ensemble=ensemble)


@dataclass
class Running:
    """A service that listens on loopback.

    Attributes:
        url: where.
        http: a client of it.
        service: what is behind it.
        server: what listens.
    """

    url: str
    http: httpx.Client
    service: Service
    server: Server

    def post(self, path: str, body: Any, **how: Any) -> httpx.Response:
        return self.http.post(path, json=body, **how)

    def connect(self) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), timeout=10)


@contextmanager
def running(
    *places: Path,
    named: Mapping[str, Path] = MappingProxyType({}),
    limits: Limits | None = None,
    annotation: Annotation | None = None,
    **who: Any,
) -> Iterator[Running]:
    """Serve models, each named as its directory is or as `named` says, and texts to label, until
    the end.
    """
    models = {path.name: path for path in places} | dict(named)
    service = Service(models.items(), limits or Limits(), annotation)
    listening = bind("127.0.0.1", 0)
    ready = threading.Event()
    server = Server(create_app(service, Access("127.0.0.1", **who)), service, on_ready=ready.set)
    where = url(listening)
    thread = threading.Thread(target=server.listen, args=(listening,))
    thread.start()
    try:
        assert ready.wait(10)
        with httpx.Client(base_url=where, timeout=20) as client:
            yield Running(where, client, service, server)
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def held_up(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> Iterator[tuple[list[Any], threading.Semaphore]]:
    """Let calls of a method wait until the block ends: what they are given, and a count of them."""
    seen: list[Any] = []
    come = threading.Semaphore(0)
    go = threading.Event()
    really = getattr(owner, name)

    def wait(*given: Any, **how: Any) -> Any:
        seen.append(given[1])
        come.release()
        assert go.wait(10)
        return really(*given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, wait)
        try:
            yield seen, come
        finally:
            go.set()


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that is to come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the connection ends."""
    said = b""
    try:
        while piece := connection.recv(1 << 16):
            said += piece
    except ConnectionResetError:
        # More had been sent than was read.
        pass
    return said


def state_of(it: Running) -> str:
    """Return the state of the first model: fresh or stale."""
    return str(it.http.get("/v1/models").json()["data"][0]["state"])
