"""Many clients of a running service: raw HTTP/1.1 over asyncio, so that two hundred of them cost little."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """A response.

    Attributes:
        status: its status; 0: the connection was closed without one.
        body: its body.
        sent: when the request was sent, by `time.monotonic`.
        seconds: from then to the end of the response.
    """

    status: int
    body: bytes
    sent: float
    seconds: float

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)

    def code(self) -> str:
        """Return the code of an error, or ""; of GET /health/ready the status."""
        if self.status in (0, 200):
            return ""
        body = self.json()
        return str(body["error"]["code"] if "error" in body else body["status"])


def request(path: str, body: Any = None, *, method: str = "") -> bytes:
    """Return the bytes of a request; with a body it is a POST."""
    content = b"" if body is None else json.dumps(body).encode()
    return raw_request(path, content, method=method or ("GET" if body is None else "POST"))


def raw_request(path: str, content: bytes, *, method: str = "POST") -> bytes:
    """Return the bytes of a request with this body, which need not be JSON."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"\r\n" + content


class Client:
    """A client with one connection, which is made again where the service has closed it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, content: bytes) -> Answer:
        """Send a request and return the response.

        Raises:
            AssertionError: a part of a response came, and not the rest.
        """
        sent = time.monotonic()
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(*self._address, limit=1 << 26)
            sent = time.monotonic()
            self._writer.write(content)
            await self._writer.drain()
            assert self._reader is not None
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            if getattr(error, "partial", b""):
                raise AssertionError("a part of a head came, and not the rest") from error
            return Answer(0, b"", sent, time.monotonic() - sent)
        body = await self._body(head.lower())
        answer = Answer(int(head.split(b" ", 2)[1]), body, sent, time.monotonic() - sent)
        if b"\r\nconnection: close\r\n" in head.lower():
            self.close()
        return answer

    async def _body(self, head: bytes) -> bytes:
        assert self._reader is not None
        if b"\r\ntransfer-encoding: chunked\r\n" not in head:
            length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            return await self._reader.readexactly(int(length))
        parts = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readexactly(2)
        return b"".join(parts)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        # The connection is closed in the next turn of the loop.
        await asyncio.sleep(0)

    def close(self) -> None:
        """End the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def ask_evenly(
    address: Address, next_request: Callable[[int], bytes], *, clients: int, requests: int, seconds: float
) -> list[Answer]:
    """Send requests by many clients at once, each at an even pace; return the answers.

    Args:
        address: of the service.
        next_request: the number of a request to its bytes.
        clients: how many, each with one connection.
        requests: how many in all.
        seconds: the time over which they are spread; one that is answered late delays those of its client.
    """
    began = time.monotonic()

    async def work(number: int) -> list[Answer]:
        answers = []
        async with Client(address) as client:
            for index in range(number, requests, clients):
                await asyncio.sleep(began + seconds * index / requests - time.monotonic())
                answers.append(await client.ask(next_request(index)))
        return answers

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number)) for number in range(clients)]
    return [answer for task in tasks for answer in task.result()]


def percentile(answers: Iterable[Answer], part: float) -> float:
    """Return the seconds within which this part of the answers came."""
    seconds = sorted(answer.seconds for answer in answers)
    return seconds[min(len(seconds) - 1, int(part * len(seconds)))]


def statuses(answers: Iterable[Answer]) -> dict[str, int]:
    """Return how many answers have each status, with the code of an error."""
    return dict(Counter(f"{answer.status} {answer.code()}".strip() for answer in answers))
