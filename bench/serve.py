"""The service under load: 64 clients, each of which sends reviews of 200 words one after another.

Beside it, in the same run, the same model in one process with all reviews in one batch. The clients
run in this process, so they share the machine's cores with the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.data import sample_reviews
from bench.harness import Results, environment, parser_of, script, train

CLIENTS = 64
REVIEWS = 1280
ROUNDS = 3


@dataclass
class Load:
    """What the clients measured.

    Attributes:
        seconds: from the time at which each request was due to its whole answer.
        errors: answers that are not 200, and connections that the service closed.
        took: seconds of all of it.
    """

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.took

    def within(self, part: float) -> float:
        """Return the seconds within which this fraction of the answers came."""
        return sorted(self.seconds)[int(part * (len(self.seconds) - 1))]


class Client(asyncio.Protocol):
    """One connection that sends `requests` in turn from `begin` to `until`, and adds each answer to
    `load`.

    `every` is the seconds from one request to the next; 0: the next one after each answer.
    """

    def __init__(
        self, requests: list[bytes], load: Load, until: float, every: float, begin: float
    ) -> None:
        self._requests = requests
        self._load = load
        self._until = until
        self._every = every
        self._due = begin
        self._received = b""
        self._sent = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request when it is due."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Collect a part of an answer; after its end send the next request."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        self._received = b""
        self._load.seconds.append(time.perf_counter() - self._due)
        self._load.errors += not head.startswith(b"HTTP/1.1 200 ")
        now = time.perf_counter()
        self._due = self._due + self._every if self._every else now
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the service closed."""
        del exc
        if not self.done.done():
            self._load.errors += 1
            self.done.set_result(None)

    def _next(self) -> None:
        now = time.perf_counter()
        if max(now, self._due) >= self._until:
            self.done.set_result(None)
            self._transport.close()
        elif self._due > now:
            asyncio.get_running_loop().call_later(self._due - now, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._requests[self._sent % len(self._requests)])
        self._sent += 1


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])


async def load(port: int, texts: list[str], *, seconds: float, rate: float = 0.0) -> Load:
    """Send reviews from 64 clients at once for some seconds.

    `rate` is the requests per second of all clients together, evenly spread; 0: as many as are
    answered.
    """
    measured = Load()
    loop = asyncio.get_running_loop()
    began = time.perf_counter() + 0.2
    every = CLIENTS / rate if rate else 0.0
    clients = []
    for i in range(CLIENTS):
        requests = [_request(port, text) for text in texts[i::CLIENTS]]
        begin = began + every * i / CLIENTS
        client = partial(Client, requests, measured, began + seconds, every, begin)
        clients.append(loop.create_connection(client, "127.0.0.1", port))
    connections = await asyncio.gather(*clients)
    await asyncio.gather(*(client.done for _, client in connections))
    measured.took = time.perf_counter() - began
    return measured


def _request(port: int, text: str) -> bytes:
    body = json.dumps({"texts": text}).encode()
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: "
        f"application/json\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def service(model: Path) -> Iterator[int]:
    """Serve a model by the command line; give the port."""
    command = [*script(), "serve", str(model), "--port", "0", "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield int(line.partition("127.0.0.1:")[2].partition(";")[0])
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()
    if process.returncode:
        raise RuntimeError(f"the service ended with {process.returncode}")


def bare(model: Path, texts: list[str]) -> float:
    """Return the reviews per second of one call with all of them, in this process."""
    from foretell import TextClassifier

    classifier = TextClassifier.load(model)
    classifier.predict_proba(texts[:64])
    began = time.perf_counter()
    classifier.predict_proba(texts)
    return len(texts) / (time.perf_counter() - began)


def main() -> None:
    """Show one batch, the full load and half of it."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--seconds", type=float, default=10, help="duration of each load (default: 10)"
    )
    options = parser.parse_args()
    results = Results("serve", ["what", "reviews/s", "median", "99 % within", "errors", "target"])
    texts = sample_reviews(REVIEWS)
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "model"
        train("labels", "reviews", model, preset="base", epochs=1)
        rates = []
        full = []
        with service(model) as port:
            asyncio.run(load(port, texts, seconds=1))
            for _ in range(ROUNDS):
                rates.append(bare(model, texts))
                full.append(asyncio.run(load(port, texts, seconds=options.seconds)))
            best = max(full, key=lambda each: each.rate)
            half = asyncio.run(load(port, texts, seconds=options.seconds, rate=best.rate / 2))
    alone = max(rates)
    what = "base, one batch in one process, no service"
    results.add(what, f"{alone:,.0f}", "", "", "", "", rates=rates)
    share = f"{best.rate / alone:.0%} of the batch (≥ 60 %)"
    rates = [each.rate for each in full]
    _show(results, f"{CLIENTS} clients, one review per request", best, share, rates=rates)
    _show(results, "half of that load", half, "99 % within 50 ms, no error")


def _show(results: Results, what: str, measured: Load, target: str, **metrics: object) -> None:
    median = statistics.median(measured.seconds)
    late = measured.within(0.99)
    cells = (
        f"{measured.rate:,.0f}",
        f"{1e3 * median:.1f} ms",
        f"{1e3 * late:.1f} ms",
        measured.errors,
    )
    results.add(what, *cells, target, rate=measured.rate, median=median, p99=late, **metrics)


if __name__ == "__main__":
    main()
