"""A served process, clients that ask it, and the requests that they send."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.leave_one_out import MAX_CHARACTERS
from tests.builders import kneser_ney_parts, random_linear_model, write_random

Address = tuple[str, int]


@dataclass(frozen=True)
class ServiceProcess:
    """A service that listens on loopback, and the file of its log."""

    process: subprocess.Popen[bytes]
    address: Address
    log: Path

    def megabytes(self, name: str = "VmRSS") -> float:
        """Return its resident memory; with "VmHWM" the most that it had since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1024

    def forget_peak(self) -> None:
        """Begin to measure the most memory from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def open_files(self) -> int:
        """Return how many files and sockets it holds open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()[1:]]


@contextmanager
def serving(
    folder: Path, *models: Path, max_files: int | None = None, **limits: float
) -> Iterator[ServiceProcess]:
    """Serve models, each named as its directory is, until the block ends; `limits` as
    `--limit-NAME`.

    The process may open so many files at a time (None: as many as this one).
    """
    log = folder / "service.log"
    flags = [f"--limit-{name}={value:g}" for name, value in limits.items()]
    command = [
        sys.executable,
        "-m",
        "foretell",
        "serve",
        *map(str, models),
        "--port=0",
        "--quiet",
        *flags,
    ]
    if max_files is not None:
        command = ["sh", "-c", f'ulimit -n {max_files}; exec "$@"', "sh", *command]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")
    }
    with log.open("wb") as file, subprocess.Popen(command, stderr=file, env=environment) as process:
        try:
            yield ServiceProcess(process, _address(process, log), log)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    deadline = time.monotonic() + 60
    while not (found := re.search(r" at http://(\S+):(\d+);", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1], int(found[2])


@dataclass(frozen=True)
class Answer:
    """A response; a status of 0: the connection was closed without one.

    `sent` is when the request was sent, by `time.monotonic`, `seconds` from then to the end of the
    response.
    """

    status: int
    body: bytes
    sent: float
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)

    def code(self) -> str:
        """Return the code of an error, or ""; of GET /health/ready the status."""
        if self.status in (0, 200):
            return ""
        body = self.json()
        return str(body["error"]["code"] if "error" in body else body["status"])


def request(path: str, body: Any) -> bytes:
    """Return the bytes of a POST with this body, which is made JSON; bytes are sent as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Client:
    """A client with one connection, which is made again where the service has closed it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, content: bytes) -> Answer:
        """Send a request and return the response; fail where a part of it came, and not the
        rest.
        """
        sent = time.monotonic()
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(
                    *self._address, limit=1 << 26
                )
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
        # No event of a stream has such a line.
        return await self._reader.readuntil(b"\r\n0\r\n\r\n")

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        # The connection is closed in the next turn of the loop.
        await asyncio.sleep(0)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def ask_evenly(
    address: Address,
    next_request: Callable[[int], bytes],
    *,
    clients: int,
    requests: int,
    seconds: float,
) -> list[Answer]:
    """Send requests by many clients at once, each on one connection, spread over some seconds.

    `next_request` makes the bytes of a request of its number. A late answer delays the others of
    its client.
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


VOCABULARY = 3_000
TEXT = " ".join(f"w{number % VOCABULARY}" for number in range(2 * VOCABULARY))
MAX_TOKENS = 20_000
"""The usual --limit-tokens."""


def write_served(folder: Path) -> tuple[Path, Path]:
    """Write a classifier named `reviews` and a language model named `notes`, with random
    weights.
    """
    sizes: dict[str, Any] = {"embedding_size": 32, "units": 32, "vocabulary": VOCABULARY}
    labels = LabelsSettings(length=200, **sizes)
    words = WordsSettings(**sizes)
    ensemble = Ensemble(network=1, linear=1)
    linear: dict[str, Any] = {"linear": random_linear_model(200, 1), "ensemble": ensemble}
    counts = kneser_ney_parts(words, TEXT, (0.2, 0.3, 0.4))
    return (
        write_random(folder / "reviews", labels, ["neg", "pos"], text=TEXT, scale=0.1, **linear),
        write_random(folder / "notes", words, text=TEXT, scale=0.1, **counts),
    )


def usual(number: int) -> bytes:
    """Return a request that a person or a program often sends; each kind in turn."""
    few = " ".join(f"w{(7 * number + k) % VOCABULARY}" for k in range(number % 40 + 1))
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/v1/classify", {"model": "reviews", "texts": few}),
        ("/v1/classify", {"model": "reviews", "texts": [few, few[::-1], ""]}),
        ("/v1/next", {"model": "notes", "texts": few}),
        ("/v1/score", {"model": "notes", "texts": few, "words": True}),
        ("/v1/explain", {"model": "reviews", "texts": few[:60]}),
        ("/v1/completions", {"model": "notes", "prompt": few, "max_tokens": 5, "seed": number}),
        ("/v1/completions", {"model": "notes", "prompt": few, "max_tokens": 5, "stream": True}),
        ("/v1/states", {"model": "notes", "text": few}),
    ]
    gets = ("/v1/models", "/health/ready", "/", "/metrics")
    index = number % (len(posts) + len(gets))
    if index < len(posts):
        return request(*posts[index])
    return f"GET {gets[index - len(posts)]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def expensive(number: int) -> bytes:
    """Return a request at the usual limits; each kind in turn."""
    long = " ".join(f"w{(7 * k + number) % VOCABULARY}" for k in range(MAX_TOKENS - 100))
    completion = {"model": "notes", "n": 16, "logprobs": 5, "cache": 2_000}
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/v1/explain", {"texts": long[:MAX_CHARACTERS]}),
        (
            "/v1/completions",
            {**completion, "prompt": ["w1"] * 62, "max_tokens": 15, "stream": True},
        ),
        ("/v1/score", {"texts": long, "words": True, "top": 5, "cache": 2_000}),
        # As many short texts as a request may hold.
        ("/v1/next", {"texts": ["w1 " * 19] * 1_000, "k": 100, "cache": 2_000}),
    ]
    return request(*posts[number % len(posts)])
