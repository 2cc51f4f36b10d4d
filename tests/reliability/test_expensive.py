"""Expensive requests of every kind: nobody waits long for them, they take little memory, and SIGTERM ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from reliability.clients import Answer, Client, ask_evenly, percentile, statuses
from reliability.expensive import Attack, attacks, write_all
from reliability.processes import ServiceProcess, serving
from reliability.requests import usual
from reliability.sizes import report, sizes

from foretell.service.limits import Limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

LIMITS = Limits()
SEED = 36
MAX_WAIT, MAX_MEGABYTES, MAX_EXIT = 1.0, 100.0, 12.0
CLIENTS, AT_ONCE = 64, 6
TYPED = {"200", "400", "422", "413", "503"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expensive")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[ServiceProcess]:
    with serving(folder, *_models(folder)) as it:
        asyncio.run(_warm(it))
        yield it


def _models(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _some(count: int, seed: int) -> Iterator[Attack]:
    return attacks(count, body=LIMITS.body, characters=LIMITS.characters, tokens=LIMITS.tokens, seed=seed)


async def _warm(service: ServiceProcess) -> None:
    async with Client(service.address) as client:
        for number in range(48):
            await client.ask(usual(number))


async def _beside(service: ServiceProcess, attack: Attack) -> tuple[Answer, float]:
    """Send one expensive request; return its answer, and the longest wait of another client meanwhile."""

    async def probe() -> float:
        longest, number = 0.0, 0
        async with Client(service.address) as client:
            while True:
                answer = await client.ask(usual(number))
                longest, number = max(longest, answer.seconds), number + 1
                if is_over.is_set():
                    return longest
                await asyncio.sleep(0.01)

    is_over = asyncio.Event()
    async with Client(service.address) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(probe())
        await asyncio.sleep(0.02)
        answer = await client.ask(attack.content)
        is_over.set()
    return answer, waiting.result()


@sizes(24, 1_000)
def test_no_expensive_request_delays_others_or_takes_memory(service: ServiceProcess, count: int) -> None:
    outcomes: Counter[str] = Counter()
    longest, largest = 0.0, 0.0
    for attack in _some(count, SEED):
        service.forget_peak()
        before = service.megabytes()
        answer, wait = asyncio.run(_beside(service, attack))
        growth = service.peak_megabytes() - before
        for _ in range(3):
            # On a busy machine any request may wait once; behind an expensive one it waits each time.
            if wait > MAX_WAIT:
                wait = min(wait, asyncio.run(_beside(service, attack))[1])
        outcomes[str(answer.status)] += 1
        longest, largest = max(longest, wait), max(largest, growth)
        assert wait <= MAX_WAIT, f"{attack.name}: {wait:.2f} s"
        assert growth <= MAX_MEGABYTES, f"{attack.name}: {growth:.0f} MB"
    report(
        "expensive requests, one by one", requests=count, longest_wait=f"{longest:.2f} s",
        growth=f"{largest:.0f} MB", **outcomes,
    )  # fmt: skip
    assert set(outcomes) <= TYPED


@sizes(1, 20)
def test_an_attacker_of_six_requests_at_once(folder: Path, count: int) -> None:
    """64 clients beside one that always has six expensive requests under way; then SIGTERM."""
    for number in range(count):
        chosen = list(_some(200, SEED + number))
        with serving(folder, *_models(folder)) as service:
            asyncio.run(_warm(service))
            n = 640 if count == 1 else 6_400
            alone = asyncio.run(
                ask_evenly(service.address, usual, clients=CLIENTS, requests=n // 4, seconds=n / 400)
            )
            answers, spent, growth, seconds = asyncio.run(_attacked(service, chosen, n))
        report(
            "six at once", load=f"{os.getloadavg()[0]:.1f}", p99_alone=f"{percentile(alone, 0.99):.3f} s",
            p50=f"{percentile(answers, 0.5):.3f} s", p99=f"{percentile(answers, 0.99):.3f} s",
            slowest=f"{percentile(answers, 1):.2f} s", growth=f"{growth:.0f} MB", exit=f"{seconds:.1f} s",
            answers=statuses(answers), expensive=statuses(spent),
        )  # fmt: skip
        assert statuses(answers) == {"200": len(answers)}
        # Where other programs take most of the machine, the clients wait without an attack, too.
        usually = percentile(alone, 0.99)
        assert percentile(answers, 0.99) <= max(MAX_WAIT if count > 1 else 5 * MAX_WAIT, 10 * usually)
        assert growth <= MAX_MEGABYTES
        assert seconds <= MAX_EXIT


async def _attacked(
    service: ServiceProcess, chosen: list[Attack], requests: int
) -> tuple[list[Answer], list[Answer], float, float]:
    """Return the others' answers, the attacker's, megabytes more, and seconds from SIGTERM to the end."""
    before = service.megabytes()
    service.forget_peak()
    spent: list[Answer] = []
    left = iter(chosen * 100)

    async def attacker() -> None:
        async with Client(service.address) as client:
            for attack in left:
                answer = await client.ask(attack.content)
                spent.append(answer)
                if is_ending and not answer.status:
                    return

    is_ending = False
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attacker()) for _ in range(AT_ONCE)]
        await asyncio.sleep(0.2)
        answers = await ask_evenly(
            service.address, usual, clients=CLIENTS, requests=requests, seconds=0.01 * requests
        )
        growth = service.peak_megabytes() - before
        is_ending, began = True, time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(service.process.wait, 60) == 0
        seconds = time.monotonic() - began
        for task in tasks:
            task.cancel()
    return answers, spent, growth, seconds
