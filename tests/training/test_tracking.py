"""The events of a training, and MLflow with a real store in a database file."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")
import dataclasses
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_blocks import DOCS, python_of

from foretell import presets
from foretell.errors import Interrupted, MissingExtraError
from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress, Stage
from foretell.training.tracking import MLflowListener
from tests.training.words.small import SMALL, noisy_corpus, trained

mlflow = pytest.importorskip("mlflow")
# MLflow uses what its own dependencies deprecate.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TINY = {"units": 4, "embedding_size": 4, "epochs": 2, "min_steps": 2, "max_steps": 4, "folds": 0}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A new database; making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def steps_of(client: Any, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in client.get_metric_history(run_id, name)]


@pytest.mark.filterwarnings("ignore")
def test_the_page_writes_a_training_to_a_database(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = dataclasses.replace(presets.LABELS_PRESETS["quick"], **TINY)
    monkeypatch.setitem(presets.LABELS_PRESETS, "quick", tiny)
    names: dict[str, Any] = {}
    for block in python_of(DOCS / "tracking.md"):
        exec(block.replace("sqlite:///mlflow.db", uri), names)
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(names["listener"].run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert client.get_experiment(run.info.experiment_id).name == "reviews"
    assert run.data.params["units"] == "4"
    assert run.data.params["preset"] == "quick"
    assert run.data.tags["job"] == "labels"
    first = names["listener"]
    assert run.data.metrics["final_texts"] > 0
    assert 0 <= run.data.metrics["final_accuracy"] <= 1
    assert len(steps_of(client, first.run_id, "epoch")) >= 1
    artifacts = {each.path for each in client.list_artifacts(first.run_id, "model")}
    assert {"model/config.json", "model/model.onnx", "model/manifest.json"} <= artifacts
    assert not any("report" in path for path in artifacts)
    assert "epoch 1: loss " in capsys.readouterr().out


def test_each_event_becomes_what_mlflow_has(uri: str) -> None:
    seen: list[Event] = []
    with MLflowListener(uri=uri, forward=seen.append) as listener:
        events: list[Event] = [
            Note(text="texts from the column 'text'"),
            Progress(step=1, steps=9, epoch=1, epochs=3, loss=0.75, accuracy=0.5, speed=10.0, unit="texts"),
            Progress(step=2, steps=9, epoch=1, epochs=3, loss=math.nan, accuracy=1.0, speed=10.0, unit=""),
            EpochDone(epoch=1, epochs=3, step=3, loss=0.5, accuracy=0.5, valid_loss=0.25),
            Checkpointed(path=Path("x"), step=3),
        ]
        for event in events:
            listener(event)
    assert seen == events
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert steps_of(client, listener.run_id, "loss") == [(1, 0.75)]
    assert steps_of(client, listener.run_id, "accuracy") == [(1, 0.5), (2, 1.0)]
    assert steps_of(client, listener.run_id, "valid_loss") == [(3, 0.25)]
    assert steps_of(client, listener.run_id, "valid_accuracy") == []
    run = client.get_run(listener.run_id)
    assert run.data.tags["note_001"] == "texts from the column 'text'"
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "KILLED"),
        (Interrupted(expected="a whole training", found="an interrupt"), "KILLED"),
        (ValueError("x"), "FAILED"),
    ],
)
def test_a_run_that_does_not_end_well(uri: str, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), MLflowListener(uri=uri) as listener:
        raise error
    assert mlflow.MlflowClient(tracking_uri=uri).get_run(listener.run_id).info.status == status


def test_without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"foretell\[mlflow\]"):
        MLflowListener()


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
