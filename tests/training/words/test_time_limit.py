"""A language model's training ends in time at any speed: the stages on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from trainers import Notes

pytest.importorskip("tensorflow")

from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training import budget as budget_module
from foretell.training import checkpoints, loop, run
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoints
from foretell.training.words import kneser_ney_fit, network, time_limit, train, validation_fit
from foretell.training.words.network import TrainableWords
from foretell.training.words.time_limit import LoopTime
from foretell.training.words.validation_fit import fit_cache
from tests.training.words.small import SMALL, trained

MINUTES = 2.0
SETTINGS = with_changes(
    SMALL, {"kneser_ney": True, "epochs": 10_000, "minutes": MINUTES, "patience": 0}
)
# Seconds at full speed.
LINE = 0.012
COUNTED = 8e-4
PREDICTED = 2e-3
CACHED = 5e-5
STEP = 0.2


class Clock:
    """Seconds that pass only by work, which takes `slowness` times as long as at full speed."""

    def __init__(self, slowness: Callable[[float], float] = lambda _: 1.0) -> None:
        self.now = 1_000.0
        self._slowness = slowness

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self._slowness(self.now - 1_000)


def costly(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let each stage of a training take time on the clock."""

    def cost(owner: Any, name: str, seconds: Callable[..., float]) -> None:
        function = getattr(owner, name)

        @wraps(function)
        def slow(*given: Any, **options: Any) -> Any:
            clock.work(seconds(*given, **options))
            return function(*given, **options)

        monkeypatch.setattr(owner, name, slow)

    for owner in (kneser_ney_fit, time_limit):
        cost(owner, "count", lambda text, _: COUNTED * len(text))
        cost(owner, "log_probabilities", lambda _, text: 1e-4 * len(text))
    cost(network, "predict", lambda _, tokens, __: PREDICTED * len(tokens))
    cost(network, "hidden_values", lambda _, tokens, __: PREDICTED / 4 * len(tokens))
    cost(TrainableWords, "advance", lambda *_: STEP)
    cost(train, "interpolate", lambda *_: 0.4)
    cost(validation_fit, "probabilities", lambda _, hidden, *__, **___: CACHED * len(hidden))
    cost(Checkpoints, "save", lambda *_: 0.2)
    cost(run, "write_model", lambda *_, **__: 1.0)
    monkeypatch.setattr(run, "Budget", partial(Budget, clock=clock))
    # When a checkpoint is due is read from this clock too, or a slow machine would save more.
    for module in (checkpoints, loop):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    # So little text is not read whole in any case.
    monkeypatch.setattr(budget_module, "_MIN_CHARACTERS", 1_000)


def corpus_of(clock: Clock, lines: int = 400) -> Corpus:
    """Return a text of which each line takes time to read."""
    words = [f"w{int(k)}" for k in np.random.default_rng(0).zipf(1.5, 20 * lines) % 60]

    def read() -> Iterator[str]:
        for k in range(lines):
            clock.work(LINE)
            yield " ".join(words[20 * k : 20 * k + 20])

    return Corpus("made up", read, [])


@pytest.mark.parametrize(
    "slowness",
    [lambda _: 1.0, lambda _: 3.0, lambda seconds: 1.0 if seconds < 50 else 3.0],
    ids=["full speed", "a third", "slower midway"],
)
def test_it_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowness: Callable[[float], float]
) -> None:
    clock = Clock(slowness)
    costly(monkeypatch, clock)
    notes = Notes()
    model = trained(corpus_of(clock), SETTINGS, tmp_path / "m", started=clock.now, listener=notes)
    took = clock.now - 1_000
    assert 0.8 * 60 * MINUTES < took <= 60 * MINUTES
    assert model.metrics["seconds"] <= took
    # Even at a third of the speed they get a third of the time, at full speed more than half.
    assert model.metrics["steps"] * STEP > 0.1 * 60 * MINUTES
    assert model.metrics["steps"] * STEP > 0.45 * 60 * MINUTES or slowness(99) == 3.0
    assert WordsRuntime(tmp_path / "m").next("w1 w2", k=1)
    is_cut = any("time limit is short" in note for note in notes)
    assert is_cut == (slowness(0) == 3.0), notes
    if not is_cut:
        assert model.kneser_ney is not None
        assert model.cache is not None or slowness(99) == 3.0


@pytest.mark.parametrize(("seconds", "tried"), [(0.0, 1), (4.5, 3), (100.0, 9)])
def test_the_cache_is_fitted_on_what_fits(
    monkeypatch: pytest.MonkeyPatch, seconds: float, tried: int
) -> None:
    """Each θ takes two seconds, and the first is tried in any case."""
    clock = Clock()
    thetas = []
    compute = validation_fit.probabilities

    def probabilities(theta: float, *given: Any, **options: Any) -> Any:
        clock.work(2.0)
        thetas.append(theta)
        return compute(theta, *given, **options)

    monkeypatch.setattr(validation_fit, "probabilities", probabilities)
    hidden = np.zeros([50, 2], np.float32)
    words = np.zeros(50, np.int32)
    logs = np.full(50, -1.0)
    fit_cache(logs, hidden, words, lambda _: None, lambda: clock.now >= 1_000 + seconds)
    assert len(set(thetas)) == tried


def test_a_machine_that_slows_down_gets_more_time_for_the_end() -> None:
    clock = Clock()
    budget = Budget(10, clock=clock)
    time = LoopTime(budget, 1_000)
    time.probe(lambda count: clock.work(1e-3 * count), 10_000)
    time.at_end = 10_000

    def kept() -> float:
        budget.keep(time.seconds_after_steps())
        return 600 - budget.seconds() - budget.left()

    # Writing 10, the cache 5, and measuring 1.25 times 10.
    assert kept() == pytest.approx(27.5)
    for pace in (0.1, 0.3):
        for _ in range(400):
            clock.work(pace)
            budget.step_done()
            time.seconds_after_steps()
    assert kept() == pytest.approx(3 * 22.5 + 5, rel=0.05)
    # Measured anew, at the speed of now.
    time.evaluated(30.0, 10_000)
    assert kept() == pytest.approx(10 + 37.5 + 5, rel=0.05)
    time.ended()
    assert 600 - budget.seconds() - budget.left() == pytest.approx(10, rel=0.05)
