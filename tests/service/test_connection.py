"""A connection byte for byte: requests that could be read in two ways, that are large, that wait."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest
from service_workplace import Running, everything, held_up, until

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.connection import PART_BYTES
from foretell.service.request_parser import HEAD_BYTES

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
    "two hosts of HTTP/1.0": b"GET /health/live HTTP/1.0\r\n" + HOST + HOST + b"\r\n",
    "two hosts and an upgrade": LIVE + HOST + HOST + UPGRADE + b"\r\n",
    "no host": LIVE + b"\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "HTTP/0.9": b"GET /health/live HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET /health/live HTTP/2.0\r\n" + HOST + b"\r\n",
    "a wrong host in a target": b"GET http:///health/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in a path": b"GET /health/live\t HTTP/1.1\r\n" + HOST + b"\r\n",
    "not ASCII in a query": b"GET /health/live?\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "LF alone": GET.replace(b"\r\n", b"\n"),
    "CR in a value": LIVE + HOST + b"X: a\rb\r\n\r\n",
    "LF in a value": LIVE + HOST + b"X: a\nHost: localhost\r\n\r\n",
    "NUL in a value": LIVE + HOST + b"X: a\0b\r\n\r\n",
    "a value on two lines": LIVE + HOST + b"X: a\r\n b\r\n\r\n",
    "a space before a colon": LIVE + HOST + b"X : a\r\n\r\n",
    "a space in a name": LIVE + HOST + b"X Y: a\r\n\r\n",
    "no name": LIVE + HOST + b": a\r\n\r\n",
    "two lengths": CLASSIFY + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY,
    "a list of lengths": CLASSIFY + b"Content-Length: 17, 5\r\n\r\n" + BODY,
    "a signed length": CLASSIFY + b"Content-Length: +17\r\n\r\n" + BODY,
    "a long length": CLASSIFY + b"Content-Length: " + b"0" * 30 + b"17\r\n\r\n" + BODY,
    "length and chunks": CLASSIFY + LENGTH + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "chunks and length": CLASSIFY + CHUNKED + LENGTH + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "chunked twice": CLASSIFY + CHUNKED + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "another coding": CLASSIFY + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n",
    "no coding": CLASSIFY + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\n" + BODY,
    "a quoted coding": CLASSIFY + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKS + b"0\r\n\r\n",
    "a wrong chunk": CLASSIFY + CHUNKED + b"\r\n5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a wrong chunk and an upgrade": CLASSIFY + CHUNKED + UPGRADE + b"\r\nx\r\n",
}
ENDLESS = {
    "target": (b"GET /", b"a"),
    "name": (LIVE, b"a"),
    "value": (LIVE + b"X: ", b"a"),
    "headers": (LIVE, b"X: a\r\n"),
    "empty lines": (b"", b"\r\n"),
    "chunk size": (CLASSIFY + CHUNKED + b"\r\n", b"0"),
    "chunk extension": (CLASSIFY + CHUNKED + b"\r\n1;", b"a"),
    "trailer": (CLASSIFY + CHUNKED + b"\r\n" + CHUNKS + b"0\r\nX: ", b"a"),
    "trailers": (CLASSIFY + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n", b"X: a\r\n"),
}


@pytest.mark.parametrize("raw", TWO_WAYS.values(), ids=TWO_WAYS)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_could_be_read_in_two_ways_is_refused(served: Running, raw: bytes, at_once: bool) -> None:
    with served.connect() as connection:
        _send(connection, raw + GET, at_once)
        # Nor is anything after it read.
        assert _statuses(connection) == [400]
    assert served.http.get("/health/live").status_code == 200


@pytest.mark.parametrize("at_once", [True, False])
def test_what_can_be_read_in_one_way_is_answered(served: Running, at_once: bool) -> None:
    with served.connect() as connection:
        empty = LIVE + b"X-Empty:\r\nhOST:\t localhost \t\r\nX-Request-ID: mine \t\r\n\r\n"
        chunked = CLASSIFY + CHUNKED.replace(b"c", b"C") + b"\r\n" + CHUNKS + b"00;a=b\r\n\r\n"
        _send(connection, POST + empty + chunked + CLOSING, at_once)
        said = everything(connection)
    assert said.count(b"HTTP/1.1 200") == 4
    assert b"x-request-id: mine\r\n" in said


@pytest.mark.parametrize(
    "header", [b"Host: evil.example", b"Origin: http://evil.example", b"X-Request-ID: a"]
)
def test_what_follows_a_body_is_no_header(served: Running, header: bytes) -> None:
    with served.connect() as connection:
        connection.sendall(LIVE + HOST + CHUNKED + b"\r\n0\r\n" + header + b"\r\n\r\n" + CLOSING)
        said = everything(connection)
    assert said.count(b"HTTP/1.1 200") == 2
    assert b"x-request-id: a\r\n" not in said


def test_a_target_that_names_a_host_is_no_path(served: Running) -> None:
    for host in (b"evil.example", b"localhost"):
        with served.connect() as connection:
            connection.sendall(
                b"GET http://%s/health/live HTTP/1.1\r\nConnection: close\r\n" % host + HOST + b"\r\n"
            )
            assert _statuses(connection) == [404]


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_a_head_that_does_not_end_is_a_431(served: Running, begin: bytes, more: bytes) -> None:
    endless = more * (2 * HEAD_BYTES // len(more))
    with served.connect() as connection:
        connection.sendall(begin + endless[: HEAD_BYTES - PART_BYTES])
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        connection.sendall(endless[: 2 * PART_BYTES])
        said = everything(connection)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close\r\n" in said
    assert b'"code":"head_too_large"' in said


def test_a_large_head_a_large_body_and_many_chunks_are_answered(served: Running) -> None:
    spaces = b"1\r\n \r\n" * HEAD_BYTES
    with served.connect() as connection:
        connection.sendall(LIVE + HOST + b"X: " + b"a" * (HEAD_BYTES - 1000) + b"\r\n\r\n")
        connection.sendall(CLASSIFY + b"Content-Length: 1000000\r\n\r\n" + BODY.ljust(1_000_000))
        connection.sendall(CLASSIFY + CHUNKED + b"\r\n" + spaces + CHUNKS + b"0\r\n\r\n" + CLOSING)
        assert _statuses(connection) == [200] * 4


@pytest.mark.parametrize("at_once", [True, False])
def test_an_upgrade_is_answered_as_any_request(served: Running, at_once: bool) -> None:
    """Its body is read as one, too: what is in it is no request."""
    websocket = LIVE + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    post = CLASSIFY + UPGRADE + LENGTH + b"\r\n" + BODY
    chunked = CLASSIFY + UPGRADE + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n"
    smuggling = CLASSIFY + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(POST) + POST
    last = LIVE + HOST + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    with served.connect() as connection:
        _send(connection, websocket + post + chunked + smuggling + GET + last, at_once)
        assert _statuses(connection) == [200, 200, 200, 400, 200, 200]


def test_who_waits_for_100_continue_is_told(served: Running) -> None:
    with served.connect() as connection:
        connection.sendall(CLASSIFY + LENGTH + b"Expect: 100-Continue\r\nConnection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert _statuses(connection) == [200]
    with served.connect() as connection:
        # HTTP/1.0 does not know of it.
        connection.sendall(CLASSIFY.replace(b"1.1", b"1.0") + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY)
        assert _statuses(connection) == [200]


@pytest.mark.parametrize("stream", [True, False])
def test_http_1_0_gets_no_chunks_and_an_end(served: Running, stream: bool) -> None:
    body = json.dumps({"model": "notes", "prompt": "the", "max_tokens": 3, "stream": stream}).encode()
    head = CLASSIFY.replace(b"/classify HTTP/1.1", b"/completions HTTP/1.0")
    with served.connect() as connection:
        connection.sendall(head + b"Connection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head, _, answer = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head
    if stream:
        assert b"content-length" not in head
        assert answer.startswith(b"data: {")
        assert answer.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(answer)["object"] == "text_completion"


@pytest.mark.parametrize("wrong", [b"\x16\x03\x01", CLASSIFY + CHUNKED + b"\r\nx\r\n"])
def test_what_came_before_nonsense_is_answered_first(
    served: Running, monkeypatch: pytest.MonkeyPatch, wrong: bytes
) -> None:
    with served.connect() as connection:
        with held_up(monkeypatch, LabelsRuntime, "classify") as (_, come):
            connection.sendall(POST + GET + wrong + GET * 100)
            assert come.acquire(timeout=5)
            connection.sendall(GET)
        assert _statuses(connection) == [200, 200, 400]


def test_nonsense_after_an_answer_that_did_not_wait_for_it_is_no_second_answer(served: Running) -> None:
    with served.connect() as connection:
        connection.sendall(LIVE + HOST + CHUNKED + b"\r\n")
        assert connection.recv(4096).endswith(b'{"status":"live"}')
        connection.sendall(b"x\r\n" + GET)
        assert everything(connection) == b""


def test_requests_that_wait_are_answered_in_turn_and_take_little_memory(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = CLASSIFY + b"Content-Length: 100000\r\n\r\n" + BODY.ljust(100_000)
    with served.connect() as connection:
        with held_up(monkeypatch, LabelsRuntime, "classify") as (_, come):
            connection.sendall(POST + GET * 2000 + large + b"\r\n".join([GET] * 500) + CLOSING)
            assert come.acquire(timeout=5)
            until(lambda: any(each.waiting for each in served.server.server_state.connections))
            (ours,) = (each for each in served.server.server_state.connections if each.waiting)
            assert not ours.transport.is_reading()
            assert len(ours.waiting) <= PART_BYTES // len(GET)
        assert _statuses(connection) == [200] * 2503


def test_who_leaves_with_requests_waiting_stops_the_one_that_is_answered(
    served: Running, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"model": "notes", "prompt": "the", "max_tokens": 20000, "stream": true}'
    head = CLASSIFY.replace(b"/classify", b"/completions") + b"Content-Length: %d\r\n\r\n" % len(body)
    with served.connect() as connection:
        connection.sendall(head + body + POST)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        # Reset, not closed: reading is paused, and an end would wait to be read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: not served.server.server_state.tasks)
    assert served.service.models.waiting.count == 0
    # Written on, its answer would be told of as lost.
    assert caplog.records == []


def test_a_head_that_comes_slowly_does_not_cut_the_answer_before_it(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.connection.HEAD_SECONDS", 0.1)
    with served.connect() as connection:
        _send_and_hold(monkeypatch, connection, POST + b"GET / HT", 0.3)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"TP")
        began = time.monotonic()
        assert connection.recv(4096) == b""
        assert time.monotonic() - began < 5


def test_a_pause_between_requests_has_a_limit_of_its_own(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.server.config, "timeout_keep_alive", 0.5)
    with served.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(4096).endswith(b'{"status":"live"}')
        _send_and_hold(monkeypatch, connection, POST, 0.8)
        began = time.monotonic()
        assert _statuses(connection) == [200]
        assert time.monotonic() - began < 5


def test_a_body_that_stops_after_its_answer_has_come_closes_the_connection(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.server.config, "timeout_keep_alive", 0.5)
    with served.connect() as connection:
        connection.sendall(LIVE + HOST + b"Content-Length: 9\r\n\r\n")
        assert connection.recv(4096).endswith(b'{"status":"live"}')
        connection.sendall(b"a")
        began = time.monotonic()
        assert connection.recv(4096) == b""
        assert time.monotonic() - began < 5


def _send_and_hold(
    monkeypatch: pytest.MonkeyPatch, connection: socket.socket, raw: bytes, seconds: float
) -> None:
    """Send what asks for a verdict, and let it be worked on for some seconds."""
    with held_up(monkeypatch, LabelsRuntime, "classify") as (_, come):
        connection.sendall(raw)
        assert come.acquire(timeout=5)
        time.sleep(seconds)


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
    assert found.count(400) == said.count(b'"code":"not_http"') + said.count(b'"code":"json_invalid"')
    return found
