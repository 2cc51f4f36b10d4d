"""Expensive requests of every route, script and nesting: others do not wait, memory does not
grow.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reliability.attacked import (
    TEXT,
    Answer,
    Client,
    ServiceProcess,
    ask_evenly,
    percentile,
    request,
    serving,
    statuses,
    usual,
    write_served,
)
from reliability.sizes import SOAK_SECONDS, part_of, report, sizes

from foretell.config import LabelsSettings, WordsSettings
from foretell.service.limits import Limits
from tests.builders import write_random

SCRIPTS: dict[str, str] = {
    "words": "the w1 w2 mind w37 adapts w2999 ",
    "one word": "a",
    "Han": "好",
    "Thai": "ภาษาไทยไม่มีช่องว่าง",
    "emoji": "😀👩‍👩‍👧",
    "combining": "e\u0301\u0327\u0300",
    "marks": "\u0301\u0327",
    "marks in Han": "好" + 4_000 * "\u0301\u0327",
    "punctuation": "!?.,;-(",
    "spaces": " \t",
    "escapes": '\\"\n',
    "surrogates": "\ud83d",
}
"""What a text consists of, again and again."""

WRITERS = {"words": "notes", "subword": "parts", "char": "letters"}
CLASSIFIERS = {"words": "reviews", "subword": "reviews-parts", "char": "reviews-letters"}
"""The model of each kind of token."""

STOPS = [999 * "a" + end for end in "bcde"]
WORDS = {"words": True, "top": 5, "cache": 2000}
ROUTES: dict[str, tuple[dict[str, str], str, dict[str, Any]]] = {
    "/v1/classify": (CLASSIFIERS, "texts", {}),
    "/v1/explain": (CLASSIFIERS, "texts", {}),
    "/v1/next": (WRITERS, "texts", {"k": 100, "cache": 2000}),
    "/v1/next?": (WRITERS, "texts", {"unfinished": True}),
    "/v1/score": (WRITERS, "texts", {}),
    "/v1/score?": (WRITERS, "texts", WORDS),
    "/v1/completions": (
        WRITERS,
        "prompt",
        {"n": 4, "max_tokens": 100, "cache": 2000, "logprobs": 5},
    ),
    "/v1/completions?": (WRITERS, "prompt", {"max_tokens": 15_000, "stop": STOPS}),
    "/v1/states": (WRITERS | CLASSIFIERS, "text", {}),
}
"""For each route (a ? for another use of the same one): its models, the field of texts, and the
others.
"""

VALUES: dict[str, tuple[bytes, bytes, bytes]] = {
    "arrays": (b"[", b"[],", b"]}"),
    "numbers": (b"[", b"1,", b"]}"),
    "empty texts": (b"[", b'"",', b"]}"),
    "one number": (b"", b"9", b"}"),
    "deep arrays": (b"", b"[", b""),
    "keys": (b"{", b'"k":1,', b""),
    "white space": (b"[", b"  ", b"]}"),
}
"""JSON that has no text: its beginning, what is repeated, and its end."""


Attack = tuple[str, bytes]
"""What an expensive request is, and its bytes."""


def write_all(folder: Path) -> None:
    """Write a classifier and a language model of each kind of token, with random weights."""
    words = " ".join(TEXT.split()[:300]) + " the mind adapts 好 a b e"
    small: dict[str, Any] = {"embedding_size": 32, "units": 32, "vocabulary": 300}
    write_served(folder)
    for tokens in ("subword", "char"):
        settings = (
            WordsSettings(tokens=tokens, **small),
            LabelsSettings(tokens=tokens, length=200, **small),
        )
        write_random(folder / WRITERS[tokens], settings[0], text=words, scale=0.1)
        write_random(
            folder / CLASSIFIERS[tokens], settings[1], ["neg", "pos"], text=words, scale=0.1
        )


def attacks(count: int, seed: int) -> Iterator[Attack]:
    """Yield up to so many attacks, every one another combination, in an order by the seed."""
    # As large as a body may be, as many characters or tokens as a request may have, and what is
    # just quick.
    tokens = LIMITS.tokens
    sizes = (
        LIMITS.body - 2_000,
        LIMITS.characters - 1_000,
        5 * tokens,
        tokens - 1_000,
        tokens // 4,
        2_000,
    )
    of_texts = itertools.product(
        ROUTES, ("words", "subword", "char"), SCRIPTS, ("one text", "many"), sizes
    )
    of_values = itertools.product(
        ("/v1/classify", "/v1/completions"), ("texts", "k"), VALUES, sizes[:2]
    )
    every: list[tuple[Any, ...]] = [*of_texts, *of_values]
    for chosen in random.Random(seed).sample(every, min(count, len(every))):
        yield _of_texts(*chosen) if len(chosen) == 5 else _of_values(*chosen)


def _of_texts(route: str, tokens: str, script: str, nesting: str, size: int) -> Attack:
    models, field, others = ROUTES[route]
    unit = SCRIPTS[script]
    # Either way of writing a letter in JSON: as it is, or as an escape, which takes more bytes.
    bytes_each = len(json.dumps(unit)) - 2
    text = unit * max(1, size // max(len(unit), bytes_each if size > 300_000 else len(unit)))
    piece = max(1, len(text) // 900)
    texts: Any = text
    if nesting == "many" and field != "text":
        texts = [text[k : k + piece] for k in range(0, len(text), piece)][:999]
    content = request(route.rstrip("?"), {"model": models[tokens], field: texts, **others})
    return f"{route} {tokens} {script} {nesting} {len(content)}", content


def _of_values(route: str, key: str, values: str, size: int) -> Attack:
    begin, unit, end = VALUES[values]
    content = (b'{"%s":%s' % (key.encode(), begin) + unit * (size // len(unit))).removesuffix(
        b","
    ) + end
    return f"{route} {key} {values} {len(content)}", request(route, content)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

LIMITS = Limits()
SEED = 36
MAX_WAIT = 1.0
MAX_MEGABYTES = 100.0
MAX_EXIT = 12.0
CLIENTS = 64
AT_ONCE = 6
WHOLE = [pytest.mark.soak, pytest.mark.timeout(SOAK_SECONDS)]
TYPED = {"200", "400", "422", "413", "503"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expensive")
    write_all(folder)
    return folder


@pytest.fixture
def service(folder: Path) -> Iterator[ServiceProcess]:
    """A service that has answered each usual request four times."""
    with serving(folder, *sorted(path for path in folder.iterdir() if path.is_dir())) as it:
        asyncio.run(ask_evenly(it.address, usual, clients=1, requests=48, seconds=0))
        yield it


async def _beside(service: ServiceProcess, attack: Attack) -> tuple[Answer, float]:
    """Send one expensive request; return its answer, and the longest wait of another client
    meanwhile.
    """

    async def probe() -> float:
        longest = 0.0
        number = 0
        async with Client(service.address) as client:
            while True:
                answer = await client.ask(usual(number))
                longest = max(longest, answer.seconds)
                number = number + 1
                if is_over.is_set():
                    return longest
                await asyncio.sleep(0.01)

    is_over = asyncio.Event()
    async with Client(service.address) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(probe())
        await asyncio.sleep(0.02)
        answer = await client.ask(attack[1])
        is_over.set()
    return answer, waiting.result()


@sizes(10, 1_000)
def test_no_expensive_request_delays_others_or_takes_memory(
    service: ServiceProcess, count: int
) -> None:
    outcomes: Counter[str] = Counter()
    longest = 0.0
    largest = 0.0
    for attack in attacks(count, SEED):
        service.forget_peak()
        before = service.megabytes()
        answer, wait = asyncio.run(_beside(service, attack))
        growth = service.megabytes("VmHWM") - before
        for _ in range(3):
            # On a busy machine any request may wait once; behind an expensive one it waits each
            # time.
            if wait > MAX_WAIT:
                wait = min(wait, asyncio.run(_beside(service, attack))[1])
        outcomes[str(answer.status)] += 1
        longest = max(longest, wait)
        largest = max(largest, growth)
        assert wait <= MAX_WAIT, f"{attack[0]}: {wait:.2f} s"
        assert growth <= MAX_MEGABYTES, f"{attack[0]}: {growth:.0f} MB"
    report(
        "expensive requests, one by one",
        requests=count,
        longest_wait=f"{longest:.2f} s",
        growth=f"{largest:.0f} MB",
        **outcomes,
    )
    assert set(outcomes) <= TYPED


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(n, marks=WHOLE) for n in range(1, part_of(20) + 1))]
)
def test_an_attacker_of_six_requests_at_once(service: ServiceProcess, number: int) -> None:
    """64 clients beside one that always has six expensive requests under way; then SIGTERM."""
    n = 6_400 if number else 240
    chosen = list(attacks(200 if number else 20, SEED + number))
    alone = asyncio.run(
        ask_evenly(service.address, usual, clients=CLIENTS, requests=n // 4, seconds=n / 400)
    )
    answers, spent, growth, seconds = asyncio.run(_attacked(service, chosen, n))
    report(
        "six at once",
        load=f"{os.getloadavg()[0]:.1f}",
        p99_alone=f"{percentile(alone, 0.99):.3f} s",
        p50=f"{percentile(answers, 0.5):.3f} s",
        p99=f"{percentile(answers, 0.99):.3f} s",
        slowest=f"{percentile(answers, 1):.2f} s",
        growth=f"{growth:.0f} MB",
        exit=f"{seconds:.1f} s",
        answers=statuses(answers),
        expensive=statuses(spent),
    )
    assert statuses(answers) == {"200": len(answers)}
    # Where other programs take most of the machine, the clients wait without an attack, too.
    usually = percentile(alone, 0.99)
    assert percentile(answers, 0.99) <= max(MAX_WAIT if number else 5 * MAX_WAIT, 10 * usually)
    assert growth <= MAX_MEGABYTES
    assert seconds <= MAX_EXIT


async def _attacked(
    service: ServiceProcess, chosen: list[Attack], requests: int
) -> tuple[list[Answer], list[Answer], float, float]:
    """Return the others' answers, the attacker's, megabytes more, and seconds from SIGTERM to the
    end.
    """
    before = service.megabytes()
    service.forget_peak()
    spent: list[Answer] = []
    left = iter(chosen * 100)

    async def attacker() -> None:
        async with Client(service.address) as client:
            for attack in left:
                answer = await client.ask(attack[1])
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
        growth = service.megabytes("VmHWM") - before
        is_ending = True
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(service.process.wait, 60) == 0
        seconds = time.monotonic() - began
        for task in tasks:
            task.cancel()
    return answers, spent, growth, seconds
