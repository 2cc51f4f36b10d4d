"""HTTP byte for byte: ambiguous and endless requests, clients that leave or do not read, and the
end.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_workplace import Running, everything, held_up, running, until

from foretell.errors import ForetellError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.writing import Writing
from foretell.service.limits import Limits
from foretell.service.listening import bind
from foretell.service.routes import predictions
from foretell.service.server import HEAD_BYTES, MAX_CHUNKS, MAX_WAITING, Connection

SECONDS = 2.0
LITTLE = 4096
"""Bytes that the buffers of a connection hold, so that it is full before a test has waited long."""

HOST = b"Host: localhost\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n"
GET = LIVE + HOST + b"\r\n"
CLOSING = LIVE + HOST + b"Connection: close\r\n\r\n"
BODY = b'{"texts": "good"}'
CLASSIFY = b"POST /v1/classify HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
POST = CLASSIFY + LENGTH + b"\r\n" + BODY
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n" % (len(BODY), BODY)
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"

TWO_WAYS = {
    "two hosts": LIVE + HOST + HOST + b"\r\n",
    "two hosts and an upgrade": LIVE + HOST + HOST + UPGRADE + b"\r\n",
    "no host": LIVE + b"\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "HTTP/2.0": b"GET /health/live HTTP/2.0\r\n" + HOST + b"\r\n",
    "a wrong host in a target": b"GET http:///health/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in a path": b"GET /health/live\t HTTP/1.1\r\n" + HOST + b"\r\n",
    "not ASCII in a query": b"GET /health/live?\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "LF alone": GET.replace(b"\r\n", b"\n"),
    "CR in a value": LIVE + HOST + b"X: a\rb\r\n\r\n",
    "NUL in a value": LIVE + HOST + b"X: a\0b\r\n\r\n",
    "a value on two lines": LIVE + HOST + b"X: a\r\n b\r\n\r\n",
    "a space before a colon": LIVE + HOST + b"X : a\r\n\r\n",
    "no name": LIVE + HOST + b": a\r\n\r\n",
    "two lengths": CLASSIFY + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY,
    "a list of lengths": CLASSIFY + b"Content-Length: 17, 5\r\n\r\n" + BODY,
    "a signed length": CLASSIFY + b"Content-Length: +17\r\n\r\n" + BODY,
    "length and chunks": CLASSIFY + LENGTH + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "chunked twice": CLASSIFY + CHUNKED + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "another coding": CLASSIFY
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
    + CHUNKS
    + b"0\r\n\r\n",
    "a quoted coding": CLASSIFY + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKS + b"0\r\n\r\n",
    "a wrong chunk": CLASSIFY + CHUNKED + b"\r\n5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a target that names a host": b"GET http://evil.example/health/live HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "a body and an upgrade": CLASSIFY + UPGRADE + LENGTH + b"\r\n" + BODY,
}
HEADERS = b"X-Empty:\r\nhOST:\t localhost \t\r\nX-Request-ID: mine \t\r\n\r\n"
SPACES = b"64\r\n%s\r\n" % (b" " * 100) * (MAX_CHUNKS - 2)
ONE_WAY = {
    "headers as one likes": (LIVE + HEADERS + CLOSING, 2),
    "a length": (POST + CLOSING, 2),
    "chunks": (CLASSIFY + CHUNKED.title() + b"\r\n" + CHUNKS + b"00;a=b\r\n\r\n" + CLOSING, 2),
    # What follows a body is no header.
    "a host after a body": (
        LIVE + HOST + CHUNKED + b"\r\n0\r\nHost: evil.example\r\n\r\n" + CLOSING,
        2,
    ),
    "an origin after a body": (
        LIVE + HOST + CHUNKED + b"\r\n0\r\nOrigin: http://x\r\n\r\n" + CLOSING,
        2,
    ),
    # It is answered as any request, and is the last.
    "an upgrade": (LIVE + HOST + UPGRADE + b"\r\n" + POST, 1),
    "as many as may wait": (POST + GET * (MAX_WAITING - 2) + CLOSING, MAX_WAITING),
    "a large head": (LIVE + HOST + b"X: " + b"a" * (HEAD_BYTES - 1000) + b"\r\n\r\n" + CLOSING, 2),
    "a large body": (
        CLASSIFY + b"Content-Length: 1000000\r\n\r\n" + BODY.ljust(1_000_000) + CLOSING,
        2,
    ),
    "many chunks": (CLASSIFY + CHUNKED + b"\r\n" + SPACES + CHUNKS + b"0\r\n\r\n" + CLOSING, 2),
}
ENDLESS = {
    "target": (b"GET /", b"a"),
    "value": (LIVE + b"X: ", b"a"),
    "headers": (LIVE, b"X: a\r\n"),
    "empty lines": (b"", b"\r\n"),
    "chunk size": (CLASSIFY + CHUNKED + b"\r\n", b"0"),
    "chunk extension": (CLASSIFY + CHUNKED + b"\r\n1;", b"a"),
    "trailer": (CLASSIFY + CHUNKED + b"\r\n" + CHUNKS + b"0\r\nX: ", b"a"),
}


@pytest.fixture(scope="module")
def hasty(models: tuple[Path, Path]) -> Iterator[Running]:
    """A service that cuts off what takes longer than a few seconds."""
    with running(*models, limits=Limits(seconds=SECONDS)) as it:
        yield it


# ---- what is read


@pytest.mark.parametrize("raw", TWO_WAYS.values(), ids=TWO_WAYS)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_could_be_read_in_two_ways_is_refused(
    served: Running, raw: bytes, at_once: bool
) -> None:
    with served.connect() as connection:
        _send(connection, raw + GET, at_once)
        # Nor is anything after it read.
        assert _statuses(connection) == [400]
    assert served.http.get("/health/live").status_code == 200


@pytest.mark.parametrize(("raw", "count"), ONE_WAY.values(), ids=ONE_WAY)
def test_what_can_be_read_in_one_way_is_answered(served: Running, raw: bytes, count: int) -> None:
    for at_once in (True, False) if len(raw) < 1000 else (True,):
        with served.connect() as connection:
            _send(connection, raw, at_once)
            assert _statuses(connection) == [200] * count


@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_a_head_that_does_not_end_is_a_431(served: Running, endless: tuple[bytes, bytes]) -> None:
    begin, unit = endless
    with served.connect() as connection:
        connection.sendall(begin)
        try:
            for _ in range(40):
                connection.sendall(unit * (HEAD_BYTES // len(unit) // 4))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.recv(15) in (b"HTTP/1.1 431 Re", b"")
    until(lambda: not served.server.server_state.tasks)
    assert served.http.get("/health/live").status_code == 200


def test_nonsense_after_an_answer_that_did_not_wait_for_it_is_no_second_answer(
    served: Running,
) -> None:
    with served.connect() as connection:
        connection.sendall(LIVE + HOST + CHUNKED + b"\r\n")
        received = b""
        while not received.endswith(b'{"status":"live"}'):
            received += (part := connection.recv(4096))
            assert part, received
        connection.sendall(b"x\r\n" + GET)
        assert everything(connection) == b""


def test_few_requests_may_wait(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        served.connect() as connection,
        held_up(monkeypatch, LabelsRuntime, "classify") as (_, come),
    ):
        connection.sendall(POST)
        assert come.acquire(timeout=5)
        connection.sendall(GET * 1000)
        assert connection.recv(15) in (b"HTTP/1.1 400 Ba", b"")
    assert served.http.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: loc", LIVE + HOST + b"Content-Length: 9\r\n\r\na"]
)
def test_what_does_not_come_closes_the_connection(
    served: Running, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Nothing, a part of a head, and a part of a body whose answer has been sent."""
    monkeypatch.setattr("foretell.service.server.HEAD_SECONDS", 0.4)
    with served.connect() as connection:
        connection.sendall(begun)
        assert everything(connection).count(b"HTTP/1.1") == begun.count(b"Length")


def test_quick_requests_on_one_connection_are_not_cut(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.server.HEAD_SECONDS", 0.8)
    with served.connect() as connection:
        for _ in range(4):
            connection.sendall(GET)
            said = b""
            while not said.endswith(b'{"status":"live"}'):
                said += connection.recv(4096)
            time.sleep(0.25)
        # Nor does a head that comes slowly cut the answer before it.
        with held_up(monkeypatch, LabelsRuntime, "classify") as (_, come):
            connection.sendall(POST)
            assert come.acquire(timeout=5)
            time.sleep(0.9)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


# ---- clients that leave, and those that do not read


@pytest.mark.parametrize(
    ("path", "owner", "name"),
    [
        ("/v1/classify", LabelsRuntime, "classify"),
        ("/v1/next", WordsRuntime, "next"),
        ("/v1/states", predictions, "gates_along"),
    ],
)
def test_who_leaves_while_waiting_is_not_worked_for(
    served: Running, monkeypatch: pytest.MonkeyPatch, path: str, owner: Any, name: str
) -> None:
    def body(text: str) -> dict[str, Any]:
        return {"model": "notes", "text": text} if path == "/v1/states" else {"texts": text}

    line = served.service
    with held_up(monkeypatch, owner, name) as (seen, come):
        # Two at a time are worked on: these stay, the third waits behind them and goes.
        stay = []
        for _ in range(2):
            stay.append(_ask(served, path, body("good way")))
            assert come.acquire(timeout=5)
        leaving = _ask(served, path, body("leaving"))
        until(lambda: line.waiting == 3)
        leaving.close()
        until(lambda: line.waiting == 2)
    for connection in stay:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    assert served.post(path, body("good")).status_code == 200
    assert "leaving" not in str(seen)
    until(lambda: line.waiting == 0)
    until(lambda: f'route="{path}",status="499"' in served.http.get("/metrics").text)


def test_who_leaves_with_requests_waiting_stops_the_one_that_is_answered(served: Running) -> None:
    body = {"model": "notes", "prompt": "the", "max_tokens": 19_000, "stream": True}
    with served.connect() as connection:
        connection.sendall(_request("/v1/completions", json.dumps(body)) + POST)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        # Reset, not closed: reading is paused, and an end would wait to be read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: not served.server.server_state.tasks)
    until(lambda: served.service.waiting == 0)


def test_who_stops_reading_a_stream_is_cut_off_and_holds_nobody_up(hasty: Running) -> None:
    body = {
        "model": "notes",
        "prompt": "the",
        "max_tokens": 2_400,
        "n": 8,
        "logprobs": 5,
        "stream": True,
    }
    began = time.monotonic()
    with _connect(hasty) as connection:
        connection.sendall(_request("/v1/completions", json.dumps(body)))
        (ours,) = _connections(hasty)
        until(lambda: ours.flow.write_paused)
        held = ours.transport.get_write_buffer_size()
        waits = [
            hasty.post("/v1/next", {"texts": "the"}).elapsed.total_seconds() for _ in range(10)
        ]
        # Nothing is added to what is not read, however long it goes on.
        assert ours.transport.get_write_buffer_size() <= held < 1 << 18
        until(lambda: ours not in hasty.server.server_state.connections, SECONDS + 10)
        assert time.monotonic() - began > SECONDS - 0.1
        assert sorted(waits)[5] < SECONDS / 4
        assert b"[DONE]" not in everything(connection)
    until(lambda: hasty.service.waiting == 0)
    assert hasty.post("/v1/completions", {**body, "max_tokens": 3, "n": 1}).text.endswith(
        "[DONE]\n\n"
    )


@pytest.mark.parametrize("reads", [True, False])
def test_a_large_answer_is_for_who_reads_it(hasty: Running, reads: bool) -> None:
    body = json.dumps({"texts": ["the mind " * 50] * 20, "words": True, "top": 5})
    with _connect(hasty) as connection:
        connection.sendall(_request("/v1/score", body, "Connection: close\r\n"))
        (ours,) = _connections(hasty)
        until(lambda: ours.flow.write_paused)
        if reads:
            time.sleep(SECONDS / 4)
            answer = everything(connection).partition(b"\r\n\r\n")[2]
            assert len(json.loads(answer)["answers"]) == 20
        else:
            until(lambda: ours not in hasty.server.server_state.connections, SECONDS + 10)
    assert hasty.post("/v1/score", {"texts": "the mind"}).status_code == 200


# ---- streams


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let each word take a fifth of a second; the event is set at the first one."""
    begun = threading.Event()
    released = threading.Event()
    really = Writing.__next__

    def slowly(self: Writing) -> Any:
        begun.set()
        released.wait(0.2)
        return really(self)

    monkeypatch.setattr(Writing, "__next__", slowly)
    yield begun
    released.set()


def last_event(running: Running) -> Any:
    """Return the last event of a long stream, which ends as HTTP requires."""
    body = {"model": "notes", "prompt": "the mind", "max_tokens": 50, "stream": True}
    with running.http.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.status_code == 200
        said = "".join(answer.iter_text())
    assert "[DONE]" not in said
    return json.loads(said.split("\n\n")[-2].removeprefix("data: "))


@pytest.mark.usefixtures("slow")
def test_a_stream_that_takes_too_long_ends_with_an_error(impatient: Running) -> None:
    assert last_event(impatient)["error"]["code"] == "timeout"
    until(lambda: impatient.service.waiting == 0)


def test_a_stream_that_the_end_of_the_service_ends_says_so(
    models: tuple[Path, Path], slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.server.GRACE_SECONDS", 0.3)
    with ThreadPoolExecutor(1) as pool, running(*models) as it:
        asked = pool.submit(last_event, it)
        assert slow.wait(10)
        it.server.stop()
        assert asked.result(20)["error"]["code"] == "stopping"


# ---- listening, and the end


def test_a_host_that_is_not_here_is_told() -> None:
    with pytest.raises(ForetellError, match="--host"):
        bind("192.0.2.1", 0)
    for host, number, where in (("no such host", 80, "--host"), ("127.0.0.1", 1_000_000, "--port")):
        with pytest.raises(UsageError, match=where):
            bind(host, number)


def test_what_was_accepted_is_answered_before_the_end(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(3) as pool, running(*models) as it:
        with held_up(monkeypatch, LabelsRuntime, "classify"):
            asked = [
                pool.submit(it.post, "/v1/classify", {"texts": text}) for text in ("a", "b", "c")
            ]
            until(lambda: it.service.waiting == 3)
            it.server.stop()
            until(lambda: not _listens(it))
        assert [each.result().status_code for each in asked] == [200, 200, 200]


def _listens(it: Running) -> bool:
    try:
        it.connect().close()
    except ConnectionRefusedError:
        return False
    return True


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
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            where = re.search(r"http://\S+?(?=;)", process.stderr.readline())
            assert where is not None
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(
                    httpx.post, f"{where[0]}/v1/classify", json={"texts": "a"}, timeout=30
                )
                assert process.stdout.readline() == "stuck\n"
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert asked.result().json()["error"]["code"] == "stopping"
                assert process.wait(20) == 0
                assert time.monotonic() - began < 10
        finally:
            process.kill()


def test_a_request_that_has_arrived_and_is_not_read_is_answered(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service stops on a busy machine, in the turn of its loop in which it makes the
    connection.
    """
    sent = threading.Event()
    make = Connection.__init__
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
            assert everything(connection).endswith(b'{"status":"live"}')


def _request(path: str, body: str, headers: str = "") -> bytes:
    head = CLASSIFY.replace(b"/v1/classify", path.encode()) + headers.encode()
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(body.encode()), body.encode())


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


def _send(connection: socket.socket, raw: bytes, at_once: bool) -> None:
    """Send bytes together or one by one, up to an end of the connection."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for part in [raw] if at_once else (raw[i : i + 1] for i in range(len(raw))):
            connection.sendall(part)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _statuses(connection: socket.socket) -> list[int]:
    """Return the status of each answer that comes until the connection ends."""
    said = everything(connection)
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]
    assert found.count(400) == said.count(b'"code":"not_http"') + said.count(
        b'"code":"json_invalid"'
    )
    return found
