"""Clients that go, or stay and do not read: real sockets, and nobody else is held up."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_workplace import Running, everything, held_up, running, until

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from foretell.service.limits import Limits
from foretell.service.routes import states

SECONDS = 3.0
LITTLE = 4096
"""Bytes that the buffers of a connection hold, so that it is full before a test has waited long."""


@pytest.fixture(scope="module")
def hasty(models: tuple[Path, Path]) -> Iterator[Running]:
    """A service that cuts off what takes longer than a few seconds."""
    with running(*models, limits=Limits(seconds=SECONDS)) as it:
        yield it


@pytest.mark.parametrize(
    ("path", "owner", "name"),
    [
        ("/v1/classify", LabelsRuntime, "classify"),
        ("/v1/explain", LabelsRuntime, "classify"),
        ("/v1/next", WordsRuntime, "next"),
        ("/v1/score", WordsRuntime, "score"),
        ("/v1/states", states, "gates_along"),
    ],
)
def test_who_leaves_while_waiting_is_not_worked_for(
    served: Running, monkeypatch: pytest.MonkeyPatch, path: str, owner: Any, name: str
) -> None:
    def body(text: str) -> dict[str, Any]:
        return {"model": "notes", "text": text} if path == "/v1/states" else {"texts": text}

    line = served.service.models.waiting
    with held_up(monkeypatch, owner, name) as (seen, come):
        # Two at a time are worked on: these stay, the third waits behind them and goes.
        stay = []
        for _ in range(2):
            stay.append(_ask(served, path, body("good way")))
            assert come.acquire(timeout=5)
        leaving = _ask(served, path, body("leaving"))
        until(lambda: line.count == 3)
        leaving.close()
        until(lambda: line.count == 2)
    for connection in stay:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    assert served.post(path, body("good")).status_code == 200
    assert "leaving" not in str(seen)
    assert line.count == 0
    until(lambda: f'route="{path}",status="499"' in served.http.get("/metrics").text)


def test_who_leaves_before_the_work_begins_is_not_worked_for(served: Running) -> None:
    body = json.dumps({"texts": "the mind"})
    for _ in range(20):
        with served.connect() as connection:
            connection.sendall(_request("/v1/classify", body))
            # Reset, not closed: the service hears of both at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: served.service.models.waiting.count == 0)
    assert served.post("/v1/classify", {"texts": "good"}).status_code == 200


def test_a_second_request_on_the_connection_is_watched_as_the_first(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _ask(served, "/v1/classify", {"texts": "first"}) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        with held_up(monkeypatch, LabelsRuntime, "classify") as (_, come):
            connection.sendall(_request("/v1/classify", json.dumps({"texts": "second"})))
            assert come.acquire(timeout=5)
            connection.close()
            until(lambda: served.service.models.waiting.count == 0)


def test_who_stops_reading_a_stream_is_cut_off_and_holds_nobody_up(
    hasty: Running, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"model": "notes", "prompt": "the", "max_tokens": 20_000, "n": 8, "logprobs": 5, "stream": True}
    began = time.monotonic()
    with _connect(hasty) as connection:
        connection.sendall(_request("/v1/completions", json.dumps(body)))
        (ours,) = _connections(hasty)
        until(lambda: not ours.is_writable())
        held = ours.transport.get_write_buffer_size()
        waits = [_seconds(lambda: hasty.post("/v1/next", {"texts": "the"})) for _ in range(10)]
        # Nothing is added to what is not read, however long it goes on.
        assert ours.transport.get_write_buffer_size() <= held < 1 << 18
        until(lambda: ours not in hasty.server.server_state.connections, SECONDS + 3)
        assert SECONDS - 0.1 < time.monotonic() - began < SECONDS + 3
        assert sorted(waits)[5] < SECONDS / 4
        assert b"[DONE]" not in everything(connection)
    assert hasty.service.models.waiting.count == 0
    # It is the client's doing: no error of the service.
    assert "incomplete" not in caplog.text
    assert hasty.post("/v1/completions", {**body, "max_tokens": 3, "n": 1}).text.endswith("[DONE]\n\n")


@pytest.mark.parametrize("header", ["", "Connection: close\r\n"])
def test_who_does_not_read_a_large_answer_is_cut_off(hasty: Running, header: str) -> None:
    body = json.dumps({"texts": ["the mind " * 50] * 20, "words": True, "top": 5})
    with _connect(hasty) as connection:
        connection.sendall(_request("/v1/score", body, header))
        (ours,) = _connections(hasty)
        until(lambda: not ours.is_writable())
        until(lambda: ours not in hasty.server.server_state.connections, SECONDS + 3)
    assert hasty.post("/v1/score", {"texts": "the mind"}).status_code == 200


def test_who_reads_slowly_gets_the_whole_answer(hasty: Running) -> None:
    body = json.dumps({"texts": ["the mind " * 50] * 20, "words": True, "top": 5})
    with _connect(hasty) as connection:
        connection.sendall(_request("/v1/score", body, "Connection: close\r\n"))
        time.sleep(SECONDS / 4)
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["answers"]) == 20


def _request(path: str, body: str, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()


def _ask(it: Running, path: str, body: Any) -> socket.socket:
    connection = it.connect()
    connection.sendall(_request(path, json.dumps(body)))
    return connection


def _connect(it: Running) -> socket.socket:
    """Connect with buffers that are soon full, at both ends."""
    before = set(it.server.server_state.connections)
    host, _, port = it.url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.settimeout(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
    connection.connect((host, int(port)))
    until(lambda: len(it.server.server_state.connections - before) == 1)
    (ours,) = it.server.server_state.connections - before
    ours.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LITTLE)
    return connection


def _connections(it: Running) -> list[Any]:
    """Return the service's ends of connections on which a request is being answered."""
    answering: list[Any] = []

    def come() -> bool:
        found = it.server.server_state.connections
        answering[:] = [each for each in found if each.transport.get_write_buffer_size()]
        return bool(answering)

    until(come)
    return answering


def _seconds(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    assert call().status_code == 200
    return time.monotonic() - began
