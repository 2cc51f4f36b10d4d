"""More connections than files, large bodies, answers that grow with the model: others do not wait."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from reliability.attacked import Answer, Client, ServiceProcess, raw_request, serving, usual, write_served

from foretell.config import LabelsSettings, WordsSettings
from foretell.service.requests import MAX_PROBABILITIES
from foretell.service.routes.predictions import MAX_STATES
from tests.builders import write_random

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

MAX_FILES, CONNECTIONS = 400, 600
MAX_WAIT, MAX_LOG, MAX_MEGABYTES = 2.0, 10_000, 200.0
LABELS, UNITS = 2_000, 512
_HEAD = (
    b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n"
)
BEGINNINGS = {
    "nothing": b"",
    "a part of a head": _HEAD,
    "a part of a body": _HEAD + b"\r\n{",
    "most of a large body": _HEAD + b"\r\n" + b"[1," * 330_000,
    "a request, and then nothing": b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("connections")
    small = LabelsSettings(embedding_size=16, units=16, vocabulary=300, length=50)
    wide = WordsSettings(embedding_size=16, units=UNITS, vocabulary=300)
    models = [
        *write_served(folder, units=32),
        write_random(folder / "many", small, [f"label {place:05d}" for place in range(LABELS)], scale=0.1),
        write_random(folder / "wide", wide),
    ]
    with serving(folder, *models, max_files=MAX_FILES) as it:
        asyncio.run(_ask(it, *map(usual, range(48))))
        yield it


async def _ask(service: ServiceProcess, *requests: bytes) -> list[Answer]:
    async with Client(service.address) as client:
        return [await client.ask(each) for each in requests]


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_connections_beyond_the_files_make_room_for_others(service: ServiceProcess, beginning: bytes) -> None:
    service.forget_peak()
    before = service.megabytes()
    with ExitStack() as open_ones:
        for _ in range(CONNECTIONS):
            connection = open_ones.enter_context(socket.create_connection(service.address, timeout=10))
            connection.setblocking(False)
            connection.send(beginning)
        answers = asyncio.run(_ask(service, *map(usual, range(3))))
        assert [answer.status for answer in answers] == [200] * 3
        assert max(answer.seconds for answer in answers) <= MAX_WAIT
        assert service.open_files() <= MAX_FILES
    assert service.peak_megabytes() - before <= MAX_MEGABYTES
    assert service.log.stat().st_size <= MAX_LOG
    assert "Traceback" not in service.log.read_text()


def test_a_request_that_is_answered_keeps_its_connection(service: ServiceProcess) -> None:
    content = json.dumps({"model": "notes", "prompt": "the mind", "max_tokens": 2_000}).encode()

    async def answered() -> int:
        async with Client(service.address) as client:
            asked = asyncio.create_task(client.ask(raw_request("/v1/completions", content)))
            await asyncio.sleep(0.05)
            with ExitStack() as open_ones:
                for _ in range(CONNECTIONS):
                    open_ones.enter_context(socket.create_connection(service.address, timeout=10))
                return (await asked).status

    assert asyncio.run(answered()) == 200


@pytest.mark.parametrize(
    ("route", "most", "body"),
    [
        ("/v1/classify", MAX_PROBABILITIES // LABELS, lambda n: {"model": "many", "texts": ["the mind"] * n}),
        ("/v1/explain", MAX_PROBABILITIES // LABELS, lambda n: {"model": "many", "texts": ["the mind"] * n}),
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
        (answer,) = asyncio.run(_ask(service, raw_request(route, json.dumps(body(count)).encode())))
        assert answer.status == status
        assert service.peak_megabytes() - before <= MAX_MEGABYTES
