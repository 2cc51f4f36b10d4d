"""A classifier that keeps its teacher, over HTTP and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_workplace import REVIEWS, TEXT, Running, running

from foretell.config import LabelsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import random_linear_model, write_random
from tests.encoders import kept_teacher


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = LabelsSettings(embedding_size=6, units=5, length=30)
    parts = {"linear": random_linear_model(12, 1), "teacher": kept_teacher(1)}
    folder = tmp_path_factory.mktemp("served") / "kept"
    return write_random(
        folder, settings, ["neg", "pos"], text=TEXT, ensemble=Ensemble(network=1, linear=1), **parts
    )


@pytest.fixture(scope="module")
def kept(model: Path) -> Iterator[Running]:
    with running(model) as it:
        yield it


def test_answers_and_explanations_are_the_runtimes(kept: Running, model: Path) -> None:
    runtime = LabelsRuntime.open(model)
    answers = kept.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
    rows = [[each["probabilities"][label] for label in runtime.labels] for each in answers]
    assert rows == pytest.approx(runtime.predict_proba(REVIEWS), abs=1e-6)
    (found,) = kept.post("/v1/explain", {"texts": "a good film"}).json()["answers"]
    wanted = runtime.explain("a good film")
    assert [word["effect"] for word in found["words"]] == pytest.approx(
        [word.effect for word in wanted.words]
    )
