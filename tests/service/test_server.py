"""Sockets: a port in use, an end that answers what was accepted, clients that are slow or talk nonsense."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_workplace import Running, running, stuck, until

from foretell.errors import ForetellError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.connection import Connection
from foretell.service.server import bind, url


def test_a_port_in_use_is_told() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ForetellError, match=f"port {port} in use.*--port"):
            bind("127.0.0.1", port)
    bind("127.0.0.1", port).close()


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ForetellError, match="--host"):
        bind("192.0.2.1", 0)
    with pytest.raises(UsageError):
        bind("no such host", 80)
    with pytest.raises(UsageError):
        bind("127.0.0.1", 1_000_000)


def test_where_it_listens() -> None:
    with bind("localhost", 0) as listening:
        assert url(listening).startswith(("http://127.0.0.1:", "http://[::1]:"))


def test_what_was_accepted_is_answered_before_the_end(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    come, go = threading.Event(), threading.Event()
    classify = LabelsRuntime.classify

    def wait(self: LabelsRuntime, texts: Any, **how: Any) -> Any:
        come.set()
        assert go.wait(10)
        return classify(self, texts, **how)

    monkeypatch.setattr(LabelsRuntime, "classify", wait)
    with ThreadPoolExecutor(4) as pool, running(*models) as it:
        asked = [
            pool.submit(httpx.post, f"{it.url}/v1/classify", json={"texts": text}) for text in ("a", "b", "c")
        ]
        assert come.wait(5)
        while it.service.models.waiting.count < 3:
            time.sleep(0.01)
        it.server.stop()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                it.connect().close()
            except ConnectionRefusedError:
                break
            time.sleep(0.02)
        else:
            pytest.fail("it still listens")
        go.set()
        assert [each.result().status_code for each in asked] == [200, 200, 200]


def test_what_takes_longer_than_the_grace_period_gets_a_typed_error(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.server.GRACE_SECONDS", 0.3)
    with ThreadPoolExecutor(4) as pool, stuck(monkeypatch) as come, running(*models) as it:
        asked = [pool.submit(httpx.post, f"{it.url}/v1/classify", json={"texts": "a"}) for _ in range(3)]
        assert come.wait(5)
        until(lambda: it.service.models.waiting.count == 3)
        began = time.monotonic()
        it.server.stop()
        answers = [each.result() for each in asked]
        assert time.monotonic() - began < 5
        assert {each.status_code for each in answers} == {503}
        assert {each.json()["error"]["code"] for each in answers} == {"stopping"}
        assert not it.service.end_threads(0.1), "they are stuck"


GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"

_SERVE = """
import sys, time
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service import server
server.GRACE_SECONDS, server.TYPED_SECONDS = 0.3, 1.0

def forever(self, texts, **how):
    print("stuck", flush=True)
    time.sleep(60)
LabelsRuntime.classify = forever
from foretell.cli.entry import main
sys.exit(main(["serve", sys.argv[1], "--port", "0"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_thread_that_hangs_does_not_keep_the_process(models: tuple[Path, Path]) -> None:
    command = [sys.executable, "-c", _SERVE, str(models[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            where = re.search(r"http://\S+?(?=;)", process.stderr.readline())
            assert where is not None
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(httpx.post, f"{where[0]}/v1/classify", json={"texts": "a"}, timeout=30)
                assert process.stdout.readline() == "stuck\n"
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert asked.result().json()["error"]["code"] == "stopping"
                assert process.wait(20) == 0
                assert time.monotonic() - began < 10
        finally:
            process.kill()


def test_a_head_that_does_not_come_closes_the_connection(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.connection.HEAD_SECONDS", 0.1)
    for begun in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
        with served.connect() as connection:
            connection.sendall(begun)
            began = time.monotonic()
            assert connection.recv(100) == b""
            assert time.monotonic() - began < 5
    with served.connect() as connection:
        for _ in range(3):
            # Quick requests on one connection are not cut, however long it lives.
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while not said.endswith(b'{"status":"live"}'):
                said += connection.recv(4096)
            time.sleep(0.08)


def test_what_is_not_http_gets_a_typed_answer(served: Running) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nA" + b"a" * 7_000):
        with served.connect() as connection:
            connection.sendall(nonsense + b"\r\n\r\n")
            answer = _all(connection)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"code":"not_http"' in answer


def test_a_client_that_leaves_in_the_middle_harms_nobody(served: Running) -> None:
    for part in (b"GET", b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"):
        with served.connect() as connection:
            connection.sendall(part)
    body = b'{"model": "notes", "prompt": "the", "max_tokens": 200, "stream": true}'
    with served.connect() as connection:
        connection.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert served.post("/v1/classify", {"texts": "good"}).status_code == 200


def _all(connection: socket.socket) -> bytes:
    said = b""
    try:
        while piece := connection.recv(4096):
            said += piece
    except ConnectionResetError:
        # More had been sent than was read.
        pass
    return said


def test_a_request_that_has_arrived_and_is_not_read_is_answered(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service stops on a busy machine, in the turn of its loop in which it makes the connection."""
    sent, make = threading.Event(), Connection.__init__
    with running(*models) as it:

        def late(*arguments: Any, **options: Any) -> None:
            assert sent.wait(10)
            it.server.stop()
            # Longer than from one look of the server at `should_exit` to the next.
            time.sleep(0.2)
            make(*arguments, **options)

        monkeypatch.setattr(Connection, "__init__", late)
        with it.connect() as connection:
            connection.sendall(GET)
            sent.set()
            assert _all(connection).endswith(b'{"status":"live"}')
