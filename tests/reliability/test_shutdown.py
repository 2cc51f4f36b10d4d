"""SIGTERM under load: what was accepted gets an answer or a typed error, and the process ends in time."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from reliability.attacked import (
    KINDS_OF_EXPENSIVE,
    Answer,
    Client,
    ServiceProcess,
    expensive,
    serving,
    usual,
    write_served,
)
from reliability.sizes import report, sizes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")

MAX_SECONDS = 12.0
MARGIN = 0.25
"""A request sent this many seconds before the signal has been accepted; later ones may find no service."""


@sizes(1, 20)
def test_what_was_accepted_is_answered(tmp_path: Path, count: int) -> None:
    models = write_served(tmp_path, units=32)
    chance = random.Random(count)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        with serving(tmp_path, *models) as service:
            # Expensive requests take all of the grace period: too long for the small part.
            n_expensive = KINDS_OF_EXPENSIVE if count > 1 else 0
            after = chance.uniform(0.3, 2.0)
            seconds, sent, answers = asyncio.run(end(service, after, number, n_expensive))
        slowest = max(slowest, seconds)
        for content, answer in answers:
            told = content[:40], round(answer.sent - sent, 2), round(answer.seconds, 2)
            assert answer.status or answer.sent > sent - MARGIN, f"accepted, and not answered: {told}"
            outcomes[f"{answer.status} {answer.code()}"] += 1
    report("SIGTERM", signals=count, slowest=f"{slowest:.1f} s", **outcomes)
    assert set(outcomes) <= {"200 ", "503 stopping", "503 timeout", "429 queue_full", "0 "}
    assert slowest <= MAX_SECONDS


async def end(
    service: ServiceProcess, after: float, number: int, n_expensive: int
) -> tuple[float, float, list[tuple[bytes, Answer]]]:
    """Send requests by 24 clients, expensive ones by some of them, and SIGTERM after some seconds.

    Returns:
        The seconds until the process has ended, when the signal was sent, and all requests with answers.
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
