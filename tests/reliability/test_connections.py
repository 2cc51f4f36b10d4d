"""Too many connections, headers, bytes and requests that wait, and answers that grow with the
model.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from reliability.attacked import (
    Answer,
    Client,
    ServiceProcess,
    percentile,
    request,
    serving,
    statuses,
    usual,
    write_served,
)
from reliability.sizes import report

from foretell.config import LabelsSettings, WordsSettings
from foretell.service.models import MAX_VERDICTS
from foretell.service.routes.predictions import MAX_STATES
from tests.builders import write_random

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

MAX_FILES = 400
CONNECTIONS = 600
MAX_WAIT = 5.0
MAX_LOG = 10_000
MAX_MEGABYTES = 200.0
UNREAD = 100
TINY = 32
REFUSED = 48
LABELS = [f"{'a long label ' * 10}{place:05d}" for place in range(2_000)]
UNITS = 64
MAX_TEXTS = MAX_VERDICTS // sum(len(label) + 30 for label in LABELS)
_HEAD = (
    b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n"
)
_GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n"
PARTS = {
    "nothing": [b""],
    "nonsense": [b"nonsense\r\n\r\n"],
    "a part of a head": [_HEAD],
    "many headers": [_HEAD + b"ab:c\r\n" * 10_000],
    "a part of a body": [_HEAD + b"\r\n{"],
    "most of a large body": [_HEAD + b"\r\n" + b"[1," * 330_000],
    "a request, and then nothing": [_GET + b"\r\n"],
    "a body that ends after the answer": [
        _GET + b"Transfer-Encoding: chunked\r\n\r\n",
        b"0\r\n\r\n",
    ],
    "an answer that is not read": [
        _GET.replace(b"/v1/models", b"/") + b"Connection: close\r\n\r\n"
    ],
}
"""What a connection sends, one part after another."""
LARGE = request("/v1/classify", {"model": "reviews", "texts": "mind " * 6_000})
WHOLE = request("/v1/classify", {"model": "many", "texts": ["the mind"] * MAX_TEXTS})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("connections")
    small = LabelsSettings(embedding_size=16, units=16, vocabulary=300, length=50)
    wide = WordsSettings(embedding_size=16, units=UNITS, vocabulary=300)
    models = [
        *write_served(folder),
        write_random(folder / "many", small, LABELS, scale=0.1),
        write_random(folder / "wide", wide),
    ]
    with serving(folder, *models, max_files=MAX_FILES) as it:
        asyncio.run(_ask(it, *map(usual, range(48))))
        yield it


async def _ask(service: ServiceProcess, *requests: bytes) -> list[Answer]:
    async with Client(service.address) as client:
        return [await client.ask(each) for each in requests]


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_connections_beyond_the_files_make_room_for_others(
    service: ServiceProcess, parts: list[bytes]
) -> None:
    service.forget_peak()
    before = service.megabytes()
    with ExitStack() as open_ones:
        connections = []
        for _ in range(CONNECTIONS):
            connection = open_ones.enter_context(
                socket.create_connection(service.address, timeout=10)
            )
            connection.setblocking(False)
            connections.append(connection)
            connection.send(parts[0])
        for part in parts[1:]:
            asyncio.run(_ask(service, usual(0)))
            for connection in connections:
                # Some have made room.
                with suppress(OSError):
                    connection.send(part)
        answers = asyncio.run(_ask(service, *map(usual, range(3)), LARGE))
        assert [answer.status for answer in answers] == [200] * 4
        assert max(answer.seconds for answer in answers) <= MAX_WAIT
        assert service.open_files() <= MAX_FILES
    assert service.megabytes("VmHWM") - before <= MAX_MEGABYTES
    assert service.log.stat().st_size <= MAX_LOG
    assert "Traceback" not in service.log.read_text()


def test_a_request_that_is_answered_keeps_its_connection(service: ServiceProcess) -> None:
    body = {"model": "notes", "prompt": "the mind", "max_tokens": 2_000}

    async def answered() -> int:
        async with Client(service.address) as client:
            asked = asyncio.create_task(client.ask(request("/v1/completions", body)))
            await asyncio.sleep(0.05)
            with ExitStack() as open_ones:
                for _ in range(CONNECTIONS):
                    open_ones.enter_context(socket.create_connection(service.address, timeout=10))
                return (await asked).status

    assert asyncio.run(answered()) == 200


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("texts", "more"),
    [(MAX_TEXTS, b""), (MAX_TEXTS, _GET + b"\r\n"), (MAX_TEXTS * 2 // 5, WHOLE)],
    ids=["", "and another request", "and a larger one"],
)
def test_large_answers_that_nobody_reads_make_room(
    service: ServiceProcess, at_once: bool, texts: int, more: bytes
) -> None:
    first = request("/v1/classify", {"model": "many", "texts": ["the mind"] * texts})
    service.forget_peak()
    before = service.megabytes()
    with ExitStack() as open_ones:
        for _ in range(UNREAD):
            connection = open_ones.enter_context(
                socket.create_connection(service.address, timeout=10)
            )
            connection.send(first + more)
            if not at_once:
                # Where another request waits behind it, a connection may have to make room.
                assert connection.recv(12) in {
                    b"HTTP/1.1 200",
                    *([b"HTTP/1.1 429"] if more == WHOLE else []),
                }
        answers = asyncio.run(_ask(service, *map(usual, range(3)), LARGE))
        assert [answer.status for answer in answers] == [200] * 4
        time.sleep(0.5)
        (answer,) = asyncio.run(_ask(service, WHOLE))
        assert (answer.status, len(answer.json()["answers"])) == (200, MAX_TEXTS)
    assert service.megabytes("VmHWM") - before <= MAX_MEGABYTES


def test_a_body_in_tiny_chunks_holds_nobody_up(service: ServiceProcess) -> None:
    head = b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    content = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 900_000

    async def attacked() -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            for _ in range(TINY):
                group.create_task(_ask(service, content))
            await asyncio.sleep(0.05)
            return await _ask(service, *map(usual, range(10)))

    answers = asyncio.run(attacked())
    assert [answer.status for answer in answers] == [200] * 10
    assert max(answer.seconds for answer in answers) <= MAX_WAIT


@pytest.mark.parametrize("text", ["mind " * 40_001, "a " * 99_000], ids=["characters", "tokens"])
def test_texts_that_are_refused_hold_nobody_up(service: ServiceProcess, text: str) -> None:
    content = request("/v1/classify", {"model": "reviews", "texts": text})
    refused = list[Answer]()

    async def attack() -> None:
        async with Client(service.address) as client:
            while True:
                refused.append(await client.ask(content))

    async def attacked() -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attack()) for _ in range(REFUSED)]
            await asyncio.sleep(0.5)
            answers = await _ask(service, *map(usual, range(96)))
            for task in tasks:
                task.cancel()
        return answers

    alone = asyncio.run(_ask(service, *map(usual, range(96))))
    answers = asyncio.run(attacked())
    report(
        "refused texts",
        connections=REFUSED,
        refused=statuses(refused),
        p50=f"{percentile(answers, 0.5):.3f} s",
        p99=f"{percentile(answers, 0.99):.3f} s",
        p99_alone=f"{percentile(alone, 0.99):.3f} s",
    )
    assert {answer.status for answer in answers} == {200}
    assert {answer.status for answer in refused} <= {422, 429, 503}
    assert percentile(answers, 1) <= MAX_WAIT


@pytest.mark.parametrize(
    ("route", "most", "body"),
    [
        ("/v1/classify", MAX_TEXTS, lambda n: {"model": "many", "texts": ["the mind"] * n}),
        ("/v1/explain", MAX_TEXTS, lambda n: {"model": "many", "texts": ["the mind"] * n}),
        ("/v1/states", MAX_STATES // UNITS, lambda n: {"model": "wide", "text": "mind " * n}),
    ],
)
def test_an_answer_that_grows_with_the_model_is_bounded(
    service: ServiceProcess, route: str, most: int, body: object
) -> None:
    assert callable(body)
    for count, status in ((most, 200), (most + 1, 422)):
        service.forget_peak()
        before = service.megabytes()
        (answer,) = asyncio.run(_ask(service, request(route, body(count))))
        assert answer.status == status
        assert service.megabytes("VmHWM") - before <= MAX_MEGABYTES


@pytest.mark.parametrize(
    ("name", "status"), [("max_tokens", 400), ("n", 400), ("seed", 200), ("top_k", 200)]
)
def test_a_number_of_any_size_is_no_failure_of_the_service(
    service: ServiceProcess, name: str, status: int
) -> None:
    content = b'{"model": "notes", "prompt": "mind", "%s": %s}' % (name.encode(), b"9" * 4_300)
    (answer,) = asyncio.run(_ask(service, request("/v1/completions", content)))
    assert answer.status == status
