"""A language model's training ends in time at any speed: the stages on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainers import Notes

pytest.importorskip("tensorflow")

from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training import budget as budget_module
from foretell.training import run
from foretell.training.budget import SECONDS_TO_WRITE, Budget
from foretell.training.checkpoints import Checkpoints
from foretell.training.words import kneser_ney_fit, loop, time_limit, train, validation_fit
from foretell.training.words.loop import Loop
from foretell.training.words.time_limit import LoopTime, words_in_time
from foretell.training.words.validation_fit import tokens_in_time
from tests.training.words.small import SMALL, trained

MINUTES = 2.0
SETTINGS = with_changes(
    SMALL, {"kneser_ney": True, "max_ngrams": 2_000, "epochs": 10_000, "minutes": MINUTES, "patience": 0}
)
# Seconds at full speed.
LINE, COUNTED, PREDICTED, CACHED, STEP = 0.012, 8e-4, 2e-3, 5e-5, 0.2


class Clock:
    """Seconds that pass only by work, which takes `slowness` times as long as at full speed."""

    def __init__(self, slowness: Callable[[float], float] = lambda _: 1.0) -> None:
        self.now, self._slowness = 1_000.0, slowness

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
    cost(loop, "predict", lambda _, tokens, __: PREDICTED * len(tokens))
    cost(loop, "hidden_values", lambda _, tokens, __: PREDICTED / 4 * len(tokens))
    cost(Loop, "_step", lambda _: STEP)
    cost(train, "interpolate", lambda *_: 0.4)
    cost(validation_fit, "probabilities", lambda _, hidden, *__, **___: CACHED * len(hidden))
    cost(Checkpoints, "save", lambda *_: 0.5)
    cost(run, "write_model", lambda *_, **__: 1.0)
    monkeypatch.setattr(run, "Budget", partial(Budget, clock=clock))
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
    assert WordsRuntime.open(tmp_path / "m").next("w1 w2", k=1)
    is_cut = any("time limit is short" in note for note in notes)
    assert is_cut == (slowness(0) == 3.0), notes
    if not is_cut:
        assert model.kneser_ney is not None
        assert model.cache is not None or slowness(99) == 3.0


class Cost:
    """A token file whose length is set, without content."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def read(self, _start: int, count: int) -> Any:
        return np.zeros(count, np.int32)


@pytest.mark.parametrize(
    ("a_word", "valid_word", "expected"),
    [(0.0, 0.0, 10_000_000), (1e-6, 0.0, 9_933_333), (1e-5, 0.0, 933_333), (1e-3, 0.0, 0), (0.0, 1.0, 0)],
)
def test_so_many_words_are_counted_as_fit_into_a_quarter_of_the_time(
    monkeypatch: pytest.MonkeyPatch, a_word: float, valid_word: float, expected: int
) -> None:
    clock = Clock()

    class Counted:
        model = None

    def count(text: Any, _: int) -> type[Counted]:
        clock.work(a_word * len(text))
        return Counted

    monkeypatch.setattr(time_limit, "count", count)
    monkeypatch.setattr(time_limit, "log_probabilities", lambda _, text: clock.work(valid_word * len(text)))
    budget = Budget(1, clock=clock)
    found = words_in_time(Cost(20_000_000), Cost(20_000), 10, budget)
    assert found == pytest.approx(expected, rel=0.01)
    assert words_in_time(Cost(9), Cost(9), 10, Budget(0, clock=clock)) == 10_000_000


@pytest.mark.parametrize(("a_token", "expected"), [(0.0, 5_000), (1e-4, 5_000), (5e-4, 2_166), (1e-2, 0)])
def test_the_cache_is_fitted_on_what_fits(
    monkeypatch: pytest.MonkeyPatch, a_token: float, expected: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(
        validation_fit, "probabilities", lambda _, hidden, *__, **___: clock.work(a_token * len(hidden))
    )
    hidden, words = np.zeros([5_000, 1]), np.zeros(5_000, np.int32)
    budget = Budget(1, clock=clock)
    assert tokens_in_time(hidden, words, budget, 20.0) == expected
    assert tokens_in_time(hidden, words, Budget(0, clock=clock), 20.0) == 5_000
    # Few tokens are not too few where the whole text has no more.
    assert tokens_in_time(hidden[:30], words[:30], budget, 20.0) in (0, 30)


def test_measuring_is_timed_on_enough_text_and_cut_to_a_tenth_of_the_time() -> None:
    clock = Clock()
    budget = Budget(1, clock=clock)
    asked: list[int] = []

    def predict(count: int) -> None:
        asked.append(count)
        clock.work(1e-4 * count)

    time = LoopTime(budget, 500)
    time.probe(predict, 100_000, 0)
    # The first compiles; the last takes a fifth of a second or more.
    assert asked == [1_000, 1_000, 4_000]
    assert time.tokens_in_time(10_000) == 10_000
    assert 55_000 < time.tokens_in_time(100_000) < 60_000
    # A fortieth of a minute is 1.5 seconds: 15,000 tokens in all.
    assert 13_000 < time.tokens_of_epochs(50_000, 1) < 15_000
    assert time.tokens_of_epochs(50_000, 40) == 10_000
    assert time.tokens_of_epochs(5_000, 40) == 5_000
    clock.work(59)
    assert time.tokens_in_time(100_000) == 1_000
    assert time.hidden_in_time(100) == 100
    assert time.hidden_in_time(30_000) < 2_000


def test_a_machine_that_slows_down_gets_more_time_for_the_end() -> None:
    clock = Clock()
    budget = Budget(10, clock=clock)
    assert LoopTime(Budget(0.1, clock=clock), 1)._writing == SECONDS_TO_WRITE
    time = LoopTime(budget, 1_000)
    time.probe(lambda count: clock.work(1e-3 * count), 10_000, 100_000_000)
    time.keep(10_000)

    def kept() -> float:
        return 600 - budget.seconds() - budget.left()

    # Writing 10, a checkpoint of 100 MB 2, the cache 5, and measuring 1.25 times 10.
    assert kept() == pytest.approx(29.5)
    for pace in (0.1, 0.3):
        for _ in range(200):
            clock.work(pace)
            time.step_done()
    assert kept() == pytest.approx(3 * 24.5 + 5, rel=0.05)
    # Measured anew, at the speed of now.
    time.evaluated(30.0, 10_000)
    time.saved(4.0)
    time.step_done()
    assert kept() == pytest.approx(10 + 4 + 37.5 + 5, rel=0.05)
    time.ended()
    assert kept() == pytest.approx(10, rel=0.05)
