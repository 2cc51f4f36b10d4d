"""What the tests of the service share: small models with random weights, and a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size, weight_shapes
from foretell.config import LabelsSettings, WordsSettings
from foretell.service.app import create_app, create_service
from foretell.service.guard import access
from foretell.service.limits import Limits
from foretell.service.server import Server, bind, url
from foretell.service.service import Service
from foretell.text.tokenizer import Tokenizer

TEXT = "the mind adapts and converts to its own purposes the obstacle to our acting . good bad 😀 way"
REVIEWS = ["good way", "bad mind 😀 obstacle", "", "the mind the mind nosuchword " * 12]


def write_words(path: Path, *, seed: int = 7, text: str = TEXT, **changes: Any) -> Path:
    """Write a language model with random weights that knows the words of a text."""
    settings = WordsSettings(**{"embedding_size": 12, "units": 8, "layers": 2, **changes})
    return _write(path, settings, seed, None, text)


def write_labels(
    path: Path, *, seed: int = 7, labels: tuple[str, ...] = ("neg", "pos"), text: str = TEXT, **changes: Any
) -> Path:
    """Write a classifier with random weights that knows the words of a text."""
    settings = LabelsSettings(**{"embedding_size": 6, "units": 5, "length": 30, **changes})
    return _write(path, settings, seed, list(labels), text)


def _write(path: Path, settings: Any, seed: int, labels: list[str] | None, text: str) -> Path:
    tokenizer = Tokenizer.train(
        [text], settings.tokens, lowercase=settings.lowercase, vocabulary=settings.vocabulary
    )
    random = np.random.default_rng(seed)
    shapes = weight_shapes(settings, network_size(settings, tokenizer), len(labels or []))
    # Wide layers of large weights are chaotic: rounding would grow from step to step.
    scale = 0.5 if settings.units < 50 else 0.1
    weights = {name: random.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    write_model(
        Model(
            job="labels" if labels else "words",
            preset="base",
            settings=settings,
            tokenizer=tokenizer,
            weights=weights,
            labels=labels,
        ),
        path,
    )
    return path


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
        """Post JSON."""
        return self.http.post(path, json=body, **how)

    def connect(self) -> socket.socket:
        """Return a raw connection."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), timeout=10)


@contextmanager
def running(*places: Path, limits: Limits | None = None, **who: Any) -> Iterator[Running]:
    """Serve models, each named as its directory is, until the block ends."""
    service = create_service([(path.name, path) for path in places], limits or Limits())
    listening = bind("127.0.0.1", 0)
    ready = threading.Event()
    server = Server(create_app(service, access("127.0.0.1", **who)), ready=ready.set)
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
    come, go = threading.Semaphore(0), threading.Event()
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
