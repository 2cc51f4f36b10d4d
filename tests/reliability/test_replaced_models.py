"""A model is replaced again and again while it answers: every answer is of one of the two, nothing
leaks.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from reliability.attacked import Client, ServiceProcess, request, serving
from reliability.sizes import report, sizes

from foretell.artifacts.directory import write_model
from foretell.config import LabelsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import TEXT, random_linear_model, random_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

CLIENTS = 8
MAX_MEGABYTES = 32.0
TEXTS = [" ".join(TEXT.split()[k : k + 6]) for k in range(12)]
SETTINGS = LabelsSettings(units=16, embedding_size=8, length=30)
# Network, linear model, their weights and the labels differ: a mixture of both models equals
# neither.
MODELS = [
    random_model(
        SETTINGS,
        labels,
        seed=seed,
        ensemble=Ensemble(network=seed, linear=1.0),
        linear=random_linear_model(size=20, n_columns=1, seed=seed),
    )
    for seed, labels in ((1, ["neg", "pos"]), (2, ["bad", "good"]))
]


def expected(folder: Path) -> list[list[dict[str, Any]]]:
    """Return the answers of each model to each text, alone and explained."""
    answers = []
    for number, model in enumerate(MODELS):
        write_model(model, folder / f"model-{number}")
        runtime = LabelsRuntime(folder / f"model-{number}")
        explained = [runtime.explain(text).words for text in TEXTS]
        of_both = zip(runtime.classify(TEXTS), explained, strict=True)
        answers.append(
            [
                {"probabilities": v.probabilities, "effects": [w.effect for w in words]}
                for v, words in of_both
            ]
        )
    return answers


def which(answer: dict[str, Any], candidates: list[dict[str, Any]]) -> int:
    """Return the number of the model that gives this answer."""
    for number, candidate in enumerate(candidates):
        effects = (
            [word["effect"] for word in answer["words"]]
            if "words" in answer
            else candidate["effects"]
        )
        if answer["probabilities"] == pytest.approx(
            candidate["probabilities"], rel=1e-5
        ) and effects == pytest.approx(candidate["effects"], rel=1e-4, abs=1e-5):
            return number
    raise AssertionError(f"of no model, or of both: {answer}")


@sizes(500, 100_000)
def test_every_answer_is_of_one_model_and_nothing_leaks(tmp_path: Path, count: int) -> None:
    by_model = expected(tmp_path)
    path = tmp_path / "served"
    write_model(MODELS[0], path)
    with serving(tmp_path, path) as service:
        asyncio.run(ask(service, path, by_model, min(count, 200)))
        memory = service.megabytes()
        files = service.open_files()
        answers, n_replaced, states = asyncio.run(ask(service, path, by_model, count))
        growth = service.megabytes() - memory
        more_files = service.open_files() - files
        report(
            "replaced models",
            requests=sum(answers.values()),
            replaced=n_replaced,
            answers=dict(answers),
            states=dict(states),
            growth=f"{growth:.1f} MB",
            more_files=more_files,
        )
        events = Counter(line["event"] for line in service.logged())
    assert set(answers) == {0, 1}
    assert set(states) == {200}
    assert set(events) <= {"model_changed", "request"}
    assert growth <= MAX_MEGABYTES
    assert more_files <= 5


async def ask(
    service: ServiceProcess, path: Path, by_model: list[list[dict[str, Any]]], count: int
) -> tuple[Counter[int], int, Counter[int]]:
    """Send requests while the model is replaced every second.

    Returns:
        The answers of each model, how often it was replaced, and the statuses of the requests for
        states.
    """
    answers: Counter[int] = Counter()
    states: Counter[int] = Counter()

    async def work() -> None:
        number = 0
        async with Client(service.address) as client:
            # On, until both have answered: the service looks for a new model every second.
            while sum(answers.values()) < count or len(answers) < 2:
                number += 1
                index = number % len(TEXTS)
                verb = "explain" if number % 50 == 0 else "classify"
                answer = await client.ask(request(f"/v1/{verb}", {"texts": TEXTS[index]}))
                assert answer.status == 200, answer
                answers[which(answer.json()["answers"][0], [each[index] for each in by_model])] += 1
                if number % 50 == 0:
                    states[
                        (await client.ask(request("/v1/states", {"text": TEXTS[index]}))).status
                    ] += 1

    async def replace() -> None:
        for turn in itertools.count(1):
            began = time.monotonic()
            replaced.append(turn)
            await asyncio.to_thread(write_model, MODELS[turn % 2], path)
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))

    replaced: list[int] = []
    task = asyncio.create_task(replace())
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(work())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return answers, len(replaced), states
