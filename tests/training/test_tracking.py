"""The events of a training, and programs that receive them: the page's listener, and the one for MLflow."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")
import dataclasses
import runpy
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from docs_blocks import DOCS, ROOT, python_of

from foretell import presets
from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress, Stage
from foretell.training.words import loop
from tests.training.words.small import SMALL, noisy_corpus, trained

TINY = {"units": 4, "embedding_size": 4, "epochs": 2, "min_steps": 2, "max_steps": 4, "folds": 0}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the preset quick train in a second."""
    settings = dataclasses.replace(presets.LABELS_PRESETS["quick"], **TINY)
    monkeypatch.setitem(presets.LABELS_PRESETS, "quick", settings)


def test_the_events_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.usefixtures("tiny")
def test_the_listener_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    for block in python_of(DOCS / "tracking.md"):
        exec(block, {})
    assert "epoch 1: loss " in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_the_listener_for_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, list[object]] = {"metrics": [], "params": [], "artifacts": []}
    mlflow = ModuleType("mlflow")
    mlflow.start_run = nullcontext
    mlflow.log_metrics = lambda numbers, step: logged["metrics"].append((step, numbers))
    mlflow.log_params = logged["params"].append
    mlflow.log_artifacts = lambda folder, artifact_path: logged["artifacts"].append((folder, artifact_path))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    source, out = tmp_path / "data.csv", str(tmp_path / "model")
    source.write_text("text,label\n" + "good food,pos\nbad food,neg\nkind people,pos\na long wait,neg\n" * 10)
    monkeypatch.setattr(sys, "argv", ["mlflow_listener.py", str(source), out])
    program = ROOT / "examples" / "mlflow_listener.py"
    runpy.run_path(str(program), run_name="__main__")
    assert len(program.read_text(encoding="utf-8").splitlines()) <= 40
    names = {name for _, numbers in logged["metrics"] for name in numbers}  # type: ignore[misc, attr-defined]
    assert {"loss", "accuracy"} <= names
    assert logged["params"][0]["preset"] == "quick"  # type: ignore[index]
    assert logged["artifacts"] == [(out, "model")]
    assert (tmp_path / "model" / "model.safetensors").is_file()
