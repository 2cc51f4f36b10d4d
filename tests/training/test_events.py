"""The events of a real training: their order, and metrics that fit each other."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress, Stage, silent
from tests.training.words.small import SMALL, noisy_corpus, trained


def test_the_events_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell.training.words import loop

    monkeypatch.setattr(loop, "_SHOW_SECONDS", 0.0)
    events: list[Event] = []
    model = trained(noisy_corpus(), SMALL, tmp_path / "m", listener=events.append)
    steps = model.metrics["steps"]
    # A stage comes first where TensorFlow is not loaded yet.
    assert isinstance(next(event for event in events if not isinstance(event, Stage)), Note)
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in progress] == list(range(1, steps + 1))
    assert {event.steps for event in progress} == {steps}
    assert all(0 <= event.accuracy <= 1 and event.speed > 0 for event in progress)
    assert progress[-1].seconds_left == 0
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [(event.epoch, event.step) for event in done] == [(1, steps // 2), (2, steps)]
    # A checkpoint follows the end of each epoch.
    saved = [event for event in events if isinstance(event, Checkpointed)]
    assert [event.step for event in saved] == [steps // 2, steps]
    assert events.index(done[0]) < events.index(saved[0])
    losses = [event.valid_loss for event in done if event.is_best]
    assert losses == sorted(losses, reverse=True)
    assert progress[-1].best == done[0].valid_loss


def test_events_cannot_be_changed_by_a_listener() -> None:
    event = Note(text="a note")
    with pytest.raises(AttributeError):
        event.text = "another"  # type: ignore[misc]
    assert silent(event) is None
