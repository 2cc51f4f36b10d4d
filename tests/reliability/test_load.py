"""The service under load: many clients, slow connections, and SIGTERM."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from reliability.attacked import (
    Answer,
    Client,
    ServiceProcess,
    ask_evenly,
    expensive,
    percentile,
    serving,
    statuses,
    usual,
    write_served,
)
from reliability.sizes import report, sizes
from service_workplace import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

# The pace: 10,000 requests in a minute.
SECONDS_EACH = 0.006
WARM = 500
SLOW = 250
MAX_SECONDS = 12.0
# A request sent this many seconds before the signal has been accepted; later ones may find no
# service.
MARGIN = 0.25


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("load")
    with serving(folder, *write_served(folder)) as it:
        yield it


async def ask_usual(service: ServiceProcess, requests: int, clients: int) -> list[Answer]:
    seconds = SECONDS_EACH * requests
    return await ask_evenly(
        service.address, usual, clients=clients, requests=requests, seconds=seconds
    )


@sizes(240, 10_000)
def test_many_clients_get_answers_and_memory_does_not_grow(
    service: ServiceProcess, count: int
) -> None:
    clients = min(200, count // 4)
    asyncio.run(ask_usual(service, min(count, WARM), clients))
    before = service.megabytes()
    answers = asyncio.run(ask_usual(service, count, clients))
    growth = service.megabytes() - before
    report(
        "many clients",
        requests=count,
        clients=clients,
        p99=f"{percentile(answers, 0.99):.3f} s",
        growth=f"{growth:.1f} MB",
    )
    assert statuses(answers) == {"200": count}
    assert growth <= 32


@sizes(100, 5_000)
def test_slow_connections_do_not_delay_the_others(service: ServiceProcess, count: int) -> None:
    whole = expensive(0)

    async def slow(number: int) -> None:
        """Send nothing, a head, a body byte by byte, or requests whose answers are not read."""
        kind = number % 4
        while True:
            _, writer = await asyncio.open_connection(*service.address, limit=1)
            try:
                writer.write((b"", usual(0)[:30], whole[:200], usual(1) * 50)[kind])
                for at in range(200, len(whole)):
                    await asyncio.sleep(0.5)
                    if kind in (1, 2):
                        writer.write(whole[at : at + 1])
                    await writer.drain()
            except OSError:
                # The service has closed it.
                continue
            finally:
                writer.transport.abort()

    async def beside() -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(slow(number)) for number in range(SLOW)]
            # The service closes those that send too much at once; they come again after half a
            # second.
            await asyncio.to_thread(until, lambda: service.open_files() >= SLOW // 2)
            answers = await ask_usual(service, count, 10)
            for task in tasks:
                task.cancel()
        return answers

    answers = asyncio.run(beside())
    report(
        "slow connections",
        connections=SLOW,
        requests=count,
        p99=f"{percentile(answers, 0.99):.4f} s",
        slowest=f"{percentile(answers, 1):.4f} s",
    )
    assert statuses(answers) == {"200": count}
    # Beside the other tests more.
    assert percentile(answers, 0.99) <= (1.0 if count >= 1_000 else 10.0)


@sizes(1, 20)
def test_what_was_accepted_is_answered(tmp_path: Path, count: int) -> None:
    models = write_served(tmp_path)
    chance = random.Random(count)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        with serving(tmp_path, *models) as service:
            # Expensive requests take all of the grace period: too long for the small part.
            n_expensive = 8 if count > 1 else 0
            after = chance.uniform(0.3, 2.0)
            seconds, sent, answers = asyncio.run(end(service, after, number, n_expensive))
        slowest = max(slowest, seconds)
        for content, answer in answers:
            told = content[:40], round(answer.sent - sent, 2), round(answer.seconds, 2)
            assert answer.status or answer.sent > sent - MARGIN, (
                f"accepted, and not answered: {told}"
            )
            outcomes[f"{answer.status} {answer.code()}"] += 1
    report("SIGTERM", signals=count, slowest=f"{slowest:.1f} s", **outcomes)
    assert set(outcomes) <= {"200 ", "503 stopping", "503 timeout", "429 queue_full", "0 "}
    assert slowest <= MAX_SECONDS


async def end(
    service: ServiceProcess, after: float, number: int, n_expensive: int
) -> tuple[float, float, list[tuple[bytes, Answer]]]:
    """Send requests by 24 clients, expensive ones by some of them, and SIGTERM after some seconds.

    Returns:
        The seconds until the process has ended, when the signal was sent, and all requests with
        answers.
    """
    answers: list[tuple[bytes, Answer]] = []

    async def work(index: int) -> None:
        async with Client(service.address) as client:
            for turn in itertools.count(index):
                # The expensive ones are made before: that takes a while.
                content = bodies[index] if index < n_expensive else usual(turn + number)
                answer = await client.ask(content)
                answers.append((content, answer))
                if not answer.status:
                    return

    bodies = [expensive(index + number) for index in range(n_expensive)]
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for index in range(24):
            group.create_task(work(index))
        await asyncio.sleep(after)
        sent = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(service.process.wait, 60)
        seconds = time.monotonic() - sent
    assert code == 0, service.log.read_text()
    return seconds, sent, answers
