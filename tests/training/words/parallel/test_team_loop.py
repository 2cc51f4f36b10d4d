"""Several workers: the weights of one worker on the same batch, losses, interruptions, averages."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.errors import Interrupted, LostWorkerError, UsageError
from foretell.training.events import Checkpointed, Event, Note, Progress
from foretell.training.options import TrainOptions
from foretell.training.words.parallel.team import Team
from foretell.training.words.train import train_words
from tests.training.words.parallel.thread_workers import ThreadWorkers
from tests.training.words.small import SMALL, noisy_corpus, trained

SHORT = with_changes(SMALL, {"epochs": 1, "recurrent_dropout": 0.2, "word_dropout": 0.1, "streams": 5})


def together(
    out: Path, workers: ThreadWorkers, settings: Any = SHORT, resume: bool = False, **options: Any
) -> Model:
    try:
        how = TrainOptions(out=out, resume=resume, baseline=False, **options)
        return train_words(noisy_corpus(), settings, how, workers=workers)
    finally:
        workers.end()


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"optimizer": "sgd", "learning_rate": 2.0, "weight_averaging": True}, 2),
        ({"negatives": 16}, 3),
        pytest.param(
            {"optimizer": "sgd", "learning_rate": 2.0, "negatives": 16, "clip_norm": 0.05},
            2,
            marks=pytest.mark.soak,
        ),
        pytest.param({"layers": 2}, 2, marks=pytest.mark.soak),
    ],
    ids=["sgd, averaged", "adam, sampled", "sgd, sampled, clipped", "adam, two layers"],
)
def test_several_workers_end_with_the_weights_of_one(
    tmp_path: Path, changes: dict[str, Any], count: int
) -> None:
    settings = with_changes(SHORT, changes)
    one = trained(noisy_corpus(), settings, tmp_path / "one", baseline=False)
    several = together(tmp_path / "several", ThreadWorkers(count), settings)
    assert several.metrics["steps"] == one.metrics["steps"]
    assert several.metrics["workers"] == count
    for name, value in one.weights.items():
        np.testing.assert_allclose(several.weights[name], value, atol=2e-4, err_msg=name)
    for name in ("valid_perplexity", "train_loss", "train_accuracy"):
        assert several.metrics[name] == pytest.approx(one.metrics[name], rel=1e-3)


@pytest.mark.soak
def test_a_lost_worker_costs_the_steps_since_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.words.loop._SHOW_SECONDS", 0.0)
    workers, events, steps = ThreadWorkers(2), list[Event](), list[int]()
    step = Team.step

    def cut(self: Team, order: Any, *arrays: Any) -> Any:
        steps.append(order.step)
        if len(steps) in (6, 14):
            workers.controls[0].close()
        return step(self, order, *arrays)

    monkeypatch.setattr(Team, "step", cut)
    # A checkpoint after every step.
    model = together(tmp_path / "lost", workers, checkpoint_seconds=1e-9, listener=events.append)
    assert workers.starts == 3
    # Each loss repeats the step in which it came, and no other.
    assert [a for a, b in itertools.pairwise(steps) if a == b] == [5, 12]
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("a worker was lost" in text and "goes on from step 5 with" in text for text in notes)
    assert {event.workers for event in events if isinstance(event, Progress)} == {2}
    one = trained(noisy_corpus(), SHORT, tmp_path / "one", baseline=False)
    for name, value in one.weights.items():
        np.testing.assert_allclose(model.weights[name], value, atol=2e-4, err_msg=name)


@pytest.mark.soak
def test_losses_without_progress_end_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = ThreadWorkers(2)

    def fail(*_: object) -> None:
        raise LostWorkerError(expected="an answer", found="none")

    monkeypatch.setattr(Team, "step", fail)
    with pytest.raises(LostWorkerError, match=r"expected workers that stay, found 3 losses .*resume=True"):
        together(tmp_path / "m", workers)
    assert workers.starts == 3


@pytest.mark.soak
def test_an_interrupted_training_resumes_with_any_number_of_workers(tmp_path: Path) -> None:
    one = trained(noisy_corpus(), SHORT, tmp_path / "one", baseline=False)
    with pytest.raises(Interrupted):
        together(tmp_path / "m", ThreadWorkers(2), stop_after_steps=20)
    with pytest.raises(Interrupted):
        together(tmp_path / "m", ThreadWorkers(3), resume=True, stop_after_steps=40)
    model = trained(noisy_corpus(), SHORT, tmp_path / "m", baseline=False, resume=True)
    for name, value in one.weights.items():
        np.testing.assert_allclose(model.weights[name], value, atol=2e-4, err_msg=name)


@pytest.mark.soak
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_are_averaged_every_few_steps(
    tmp_path: Path, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = 2.0 if optimizer == "sgd" else 0.01
    settings = with_changes(SHORT, {"optimizer": optimizer, "learning_rate": rate})
    orders, step = list[Any](), Team.step

    def seen(self: Team, order: Any, *arrays: Any) -> Any:
        orders.append(order)
        return step(self, order, *arrays)

    monkeypatch.setattr(Team, "step", seen)
    events = list[Event]()
    model = together(
        tmp_path / "m", ThreadWorkers(2, 8), settings, checkpoint_seconds=1e-9, listener=events.append
    )
    # The first steps, with a rising learning rate, are synchronous.
    assert [order.is_local for order in orders[:4]] == [False, False, False, True]
    assert [order.step for order in orders if order.averages] == list(range(7, len(orders), 8))
    # A checkpoint has the averaged weights: between two averages none is saved.
    saved = [event.step for event in events if isinstance(event, Checkpointed)]
    assert all(step < 4 or step % 8 == 0 or step == len(orders) for step in saved)
    one = trained(noisy_corpus(), settings, tmp_path / "one", baseline=False)
    assert model.metrics["valid_perplexity"] == pytest.approx(one.metrics["valid_perplexity"], rel=0.1)
    assert model.metrics["average_every"] == 8


def test_the_articles_network_has_one_worker(tmp_path: Path) -> None:
    from foretell.presets import WORDS_PRESETS

    with pytest.raises(UsageError, match="expected no cluster, since the article's network reads one window"):
        together(tmp_path / "m", ThreadWorkers(2), WORDS_PRESETS["article"])
