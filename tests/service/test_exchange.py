"""One request and its response, without a socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest

from foretell.service.exchange import Exchange

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body"}


class FakeWire:
    """Records what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ended: list[Exchange] = []
        self.n_taken = 0
        self.writable = asyncio.Event()
        self.writable.set()

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    async def wait_writable(self) -> None:
        await self.writable.wait()

    def body_taken(self) -> None:
        self.n_taken += 1

    def response_headers(self) -> Iterable[tuple[bytes, bytes]]:
        return [(b"date", b"today")]

    def response_ended(self, exchange: Exchange) -> None:
        self.ended.append(exchange)


def exchange_of(
    wire: FakeWire, *, method: str = "GET", version: str = "1.1", headers: Any = (), keep_alive: bool = True
) -> Exchange:
    scope = {"type": "http", "method": method, "http_version": version, "headers": list(headers)}
    return Exchange(scope, wire, keep_alive=keep_alive)


def answered(*messages: dict[str, Any], **how: Any) -> tuple[bytes, FakeWire]:
    """Return what is sent for an application that sends these messages."""
    wire = FakeWire()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    asyncio.run(exchange_of(wire, **how).run(app))
    return b"".join(wire.sent), wire


def test_head_and_body_are_sent_together() -> None:
    headers = [(b"content-length", b"2"), (b"x", b"y")]
    sent, wire = answered({**START, "headers": headers}, {**BODY, "body": b"ok"})
    assert sent == b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\nx: y\r\n\r\nok"
    assert len(wire.sent) == 1
    assert wire.ended[0].keep_alive


def test_a_body_of_unknown_length_is_sent_in_chunks() -> None:
    parts = [{**BODY, "body": b"abc", "more_body": True}, {**BODY, "body": b"", "more_body": True}, BODY]
    sent, wire = answered(START, *parts)
    assert sent.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert len(wire.sent) == 2


def test_http_1_0_ends_a_body_of_unknown_length_with_the_connection() -> None:
    sent, wire = answered(START, {**BODY, "body": b"abc"}, version="1.0", keep_alive=False)
    assert b"chunked" not in sent
    assert sent.endswith(b"connection: close\r\n\r\nabc")
    assert not wire.ended[0].keep_alive


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_response_without_a_body_has_none(method: str, status: int) -> None:
    sent, _ = answered(
        {**START, "status": status}, {**BODY, "body": b"abc"[: 3 * (method == "HEAD")]}, method=method
    )
    assert sent.endswith(b"\r\n\r\n")
    assert b"chunked" not in sent


def test_a_response_may_close_the_connection() -> None:
    sent, wire = answered({**START, "headers": [(b"connection", b"Close")]}, BODY)
    assert sent.lower().count(b"connection: close") == 1
    assert not wire.ended[0].keep_alive


WRONG = {
    "no start": [BODY],
    "two starts": [START, START],
    "too long": [{**START, "headers": [(b"content-length", b"1")]}, {**BODY, "body": b"ab"}],
    "too short": [{**START, "headers": [(b"content-length", b"3")]}, {**BODY, "body": b"ab"}],
    "a line break in a header": [{**START, "headers": [(b"x", b"a\r\nset-cookie: b")]}, BODY],
    "nothing": [],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_a_wrong_application_is_a_500(
    messages: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="foretell.service")
    sent, wire = answered(*messages)
    assert sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"set-cookie" not in sent
    assert sent.endswith(b"}}")
    assert not wire.ended[0].keep_alive
    assert "response_incomplete" in caplog.text


def test_a_response_that_breaks_off_closes_the_connection() -> None:
    sent, wire = answered(START, {**BODY, "body": b"ab", "more_body": True}, START)
    assert sent.endswith(b"2\r\nab\r\n")
    assert not wire.ended[0].keep_alive


def test_nothing_follows_a_whole_response(caplog: pytest.LogCaptureFixture) -> None:
    sent, wire = answered(START, BODY, {**BODY, "body": b"more"})
    assert sent.endswith(b"0\r\n\r\n")
    assert len(wire.ended) == 1
    assert "exception_in_application" in caplog.text


def test_the_body_is_received_in_parts_then_the_end_of_the_connection() -> None:
    async def scene() -> None:
        wire = FakeWire()
        exchange = exchange_of(wire)
        assert exchange.add_body(b"ab") == 2
        assert await exchange.receive() == {"type": "http.request", "body": b"ab", "more_body": True}
        waiting = asyncio.create_task(exchange.receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        exchange.add_body(b"c")
        exchange.end_body()
        assert await waiting == {"type": "http.request", "body": b"c", "more_body": False}
        assert wire.n_taken == 2
        last = asyncio.create_task(exchange.receive())
        await asyncio.sleep(0)
        assert not last.done()
        exchange.abandon()
        assert await last == {"type": "http.disconnect"}

    asyncio.run(scene())


def test_a_body_that_arrives_while_it_is_taken_is_not_the_end_of_the_part_before() -> None:
    async def scene() -> None:
        wire = FakeWire()
        exchange = exchange_of(wire)

        def more() -> None:
            exchange.add_body(b"c")
            exchange.end_body()

        exchange.add_body(b"ab")
        wire.body_taken = more  # type: ignore[method-assign]
        assert (await exchange.receive())["more_body"]
        wire.body_taken = lambda: None  # type: ignore[method-assign]
        assert await exchange.receive() == {"type": "http.request", "body": b"c", "more_body": False}

    asyncio.run(scene())


def test_an_empty_body_is_received_once() -> None:
    async def scene() -> None:
        exchange = exchange_of(FakeWire())
        exchange.end_body()
        assert await exchange.receive() == {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(scene())


@pytest.mark.parametrize(("version", "interim"), [("1.1", [b"HTTP/1.1 100 Continue\r\n\r\n"]), ("1.0", [])])
def test_100_continue_is_sent_when_the_body_is_asked_for(version: str, interim: list[bytes]) -> None:
    async def scene() -> None:
        wire = FakeWire()
        exchange = exchange_of(wire, version=version, headers=[(b"expect", b"100-Continue")])
        exchange.end_body()
        assert wire.sent == []
        await exchange.receive()
        assert wire.sent == interim

    asyncio.run(scene())


def test_send_waits_for_the_client_and_fails_when_it_has_disconnected() -> None:
    async def scene() -> None:
        wire = FakeWire()
        wire.writable.clear()
        exchange = exchange_of(wire)
        await exchange.send(START)
        sending = asyncio.create_task(exchange.send({**BODY, "body": b"ab"}))
        await asyncio.sleep(0)
        assert not sending.done()
        exchange.abandon()
        wire.writable.set()
        with pytest.raises(OSError, match="disconnected"):
            await sending
        assert wire.sent == []

    asyncio.run(scene())


def test_a_cancelled_application_closes_the_connection() -> None:
    async def scene() -> None:
        wire = FakeWire()
        exchange = exchange_of(wire)

        async def app(_scope: Any, receive: Any, _send: Any) -> None:
            await receive()

        task = asyncio.create_task(exchange.run(app))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [each.keep_alive for each in wire.ended] == [False]

    asyncio.run(scene())
