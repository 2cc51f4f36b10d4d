"""Training on several workers in this process: one worker is the ordinary loop, several share the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import Interrupted, RunError, UsageError
from foretell.presets import WORDS_PRESETS
from foretell.training.options import TrainOptions
from foretell.training.words.averaging import Arrays, Trained, Trainer
from foretell.training.words.step import Batch
from foretell.training.words.train import train_words
from tests.training.words.small import SMALL


class InProcess:
    """Workers of this process; `dies` has the rounds after which a worker has died, and which."""

    def __init__(self, count: int, every: int = 4, dies: dict[int, int] | None = None) -> None:
        self.count, self.average_every, self.dies = count, every, dies or {}
        self.rounds: list[int] = []
        self._make: Callable[[], Trainer] | None = None
        self._trainers: list[Trainer] = []

    def open(self, settings: WordsSettings, size: int, precision: Any, check: Callable[[], None]) -> None:
        check()
        self._make = lambda: Trainer(settings, size, precision)
        self._trainers = [self._make() for _ in range(self.count)]

    def train(
        self, weights: Arrays, batches: Sequence[Sequence[Batch]], moments: Arrays, check: Callable[[], None]
    ) -> list[Trained]:
        check()
        self.rounds.append(len(batches[0]))
        found = [one.train(weights, moments, own) for one, own in zip(self._trainers, batches, strict=True)]
        if (dead := self.dies.get(len(self.rounds))) is not None:
            assert self._make is not None
            self._trainers[dead] = self._make()
            del found[dead]
        return found

    def moments(self) -> list[Arrays]:
        return [one.moments() for one in self._trainers]


def lines() -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(f"w{int(k)}" for k in rng.zipf(1.5, 12) % 40) for _ in range(300)]


def train(out: Path, workers: InProcess | None, **options: Any) -> Any:
    corpus = Corpus.from_texts(lines())
    return train_words(corpus, SMALL, TrainOptions(out=out, baseline=False, **options), workers=workers)


def test_one_worker_is_the_ordinary_training(tmp_path: Path) -> None:
    alone, one = train(tmp_path / "a", None), train(tmp_path / "b", InProcess(1, every=7))
    for name, weights in alone.weights.items():
        np.testing.assert_array_equal(weights, one.weights[name])
    assert one.metrics["perplexity"] == alone.metrics["perplexity"]


def test_two_workers_read_twice_as_many_words_a_step_and_learn(tmp_path: Path) -> None:
    alone, workers = train(tmp_path / "a", None), InProcess(2)
    two = train(tmp_path / "b", workers)
    assert two.metrics["workers"] == 2
    assert two.metrics["words"] == pytest.approx(alone.metrics["words"], abs=1)
    assert two.metrics["steps"] == pytest.approx(alone.metrics["steps"] / 2, rel=0.1)
    assert sum(workers.rounds) == two.metrics["steps"]
    assert max(workers.rounds) == 4
    assert two.metrics["perplexity"] < 40


def test_a_worker_that_dies_costs_its_round(tmp_path: Path) -> None:
    whole, workers = train(tmp_path / "a", InProcess(2)), InProcess(2, dies={2: 1})
    model = train(tmp_path / "b", workers)
    assert model.metrics["steps"] == whole.metrics["steps"]
    assert model.metrics["perplexity"] == pytest.approx(whole.metrics["perplexity"], rel=0.1)


def test_an_interrupted_training_resumes_with_as_many_workers(tmp_path: Path) -> None:
    whole = train(tmp_path / "a", InProcess(2))
    with pytest.raises(Interrupted):
        train(tmp_path / "b", InProcess(2), stop_after_steps=5)
    with pytest.raises(RunError, match=r"as many workers as before \(2\), found 1"):
        train(tmp_path / "b", None, resume=True)
    resumed = train(tmp_path / "b", InProcess(2), resume=True)
    assert resumed.metrics["steps"] == whole.metrics["steps"]
    assert resumed.metrics["perplexity"] == pytest.approx(whole.metrics["perplexity"], rel=0.1)


def test_the_article_has_no_workers(tmp_path: Path) -> None:
    options = TrainOptions(out=tmp_path / "m")
    with pytest.raises(UsageError, match="no cluster, since the article's network"):
        train_words(Corpus.from_texts(lines()), WORDS_PRESETS["article"], options, workers=InProcess(2))
