"""A study of scripted trials, and small data."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foretell.presets import preset
from foretell.tuning.clock import Clock
from foretell.tuning.driver import Driver
from foretell.tuning.events import SearchEvent
from foretell.tuning.objective import objective
from foretell.tuning.processes import Workers
from foretell.tuning.space import space_of
from foretell.tuning.study import STUDY, Study
from foretell.tuning.trials import TrialRecord


@pytest.fixture(scope="session")
def reviews() -> tuple[list[str], list[str]]:
    """60 texts with two labels, a sixth of which are wrong."""
    rng = random.Random(1)
    labels = ["good", "bad"] * 30
    words = {"good": ["lovely", "great", "warm"], "bad": ["awful", "dull", "cold"]}
    seen = [label if rng.random() > 1 / 6 else "good" for label in labels]
    things = ["film", "book"]
    texts = [f"a {rng.choice(words[label])} {rng.choice(things)} {i}" for i, label in enumerate(seen)]
    return texts, labels


@dataclass
class Made:
    """A search of scripted trials."""

    study: Study
    driver: Driver
    events: list[SearchEvent]

    @property
    def records(self) -> tuple[TrialRecord, ...]:
        return self.study.records()


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Study]:
    """Open the study of this test, for a classifier."""

    def open_study(metric: str = "macro_f1", *, fixed: tuple[str, ...] = (), **request: Any) -> Study:
        aim = objective(metric)
        space = space_of(preset(aim.job, "base"), fixed)
        return Study.open(tmp_path / STUDY, {"data": "abc", "metric": metric, **request}, space, aim, 1)

    return open_study


@pytest.fixture
def search(study: Callable[..., Study], tmp_path: Path) -> Callable[..., Made]:
    """Make a driver of scripted workers."""

    def make(
        workers: Workers,
        *,
        trials: int | None = None,
        metric: str = "macro_f1",
        minutes: float = 1.0,
        max_model_mb: float | None = None,
        clock: Clock | None = None,
    ) -> Made:
        opened, events = study(metric), list[SearchEvent]()
        driver = Driver(
            opened,
            preset(opened.objective.job, "base"),
            "base",
            workers,
            clock or Clock(minutes, time.monotonic()),
            tmp_path / "trials",
            fixed={},
            max_model_mb=max_model_mb,
            max_trials=trials,
            listener=events.append,
        )
        return Made(opened, driver, events)

    return make
