"""The training in the background: when it starts, how it ends, and what becomes of its model."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from annotation.tickets import LABELS, answer_right, opened, tickets

from foretell.annotation.training import Training, TrainingOptions
from foretell.config import LabelsSettings, WordsSettings
from foretell.errors import ArtifactError, SettingsError, UsageError
from tests.builders import write_random

TINY = {"units": 4, "embedding_size": 4, "epochs": 1, "min_steps": 1, "max_steps": 2, "folds": 0}
# Processes in place of the real one, which takes seconds to start.
DONE = "import json, shutil, sys; task = json.load(open(sys.argv[1])); print(len(task['texts']))"
FAILS = "import sys; print('Traceback'); sys.exit('x.DataError: expected two labels, found one')"
COPIES = "import json, shutil, sys; shutil.copytree({!r}, json.load(open(sys.argv[1]))['out'])"
WAITS = "import sys; sys.stdin.buffer.read()"


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a script train."""
    return lambda script: monkeypatch.setattr("foretell.annotation.training._PROCESS", ("-c", script))


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the training many times a second."""
    monkeypatch.setattr("foretell.annotation.refitting.POLL_SECONDS", 0.02)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def labels(count: int) -> list[str]:
    return [LABELS[n % 2] for n in range(count)]


def test_it_starts_with_twenty_texts_and_again_with_a_quarter_more(
    tmp_path: Path, process: Callable[[str], None]
) -> None:
    process(DONE)
    training = Training(TrainingOptions(out=tmp_path / "model"))
    for count, is_due in ((19, False), (20, True), (24, False), (25, True), (31, False), (32, True)):
        training.start_if_due(tickets(count), labels(count))
        assert (training.state == "running") == is_due
        if is_due:
            until(training.poll)
            assert (training.state, training.texts) == ("waiting", count)
    assert Training(None).state == "off"


def test_rare_labels_wait(tmp_path: Path, process: Callable[[str], None]) -> None:
    process(DONE)
    training = Training(TrainingOptions(out=tmp_path / "model"))
    training.start_if_due(tickets(22), ["a"] * 20 + ["b"] * 2)
    assert training.state == "waiting"
    training.start_if_due(tickets(25), ["a"] * 12 + ["b"] * 11 + ["c"] * 2)
    until(training.poll)
    assert training.texts == 23


def test_a_failure_has_its_reason_and_the_next_one_may_succeed(
    tmp_path: Path, process: Callable[[str], None]
) -> None:
    process(FAILS)
    training = Training(TrainingOptions(out=tmp_path / "model"))
    training.start_if_due(tickets(20), labels(20))
    until(lambda: training.poll() or training.state == "failed")
    assert training.reason == "expected two labels, found one"
    process(DONE)
    training.start_if_due(tickets(30), labels(30))
    until(training.poll)
    assert (training.state, training.reason) == ("waiting", "")


def test_stop_ends_the_process(tmp_path: Path, process: Callable[[str], None]) -> None:
    process(WAITS)
    training = Training(TrainingOptions(out=tmp_path / "model"))
    training.start_if_due(tickets(20), labels(20))
    running = training._process
    assert running is not None
    training.stop()
    assert running.returncode not in (None, 0)
    training.stop()


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs TensorFlow")
def test_a_trained_model_helps_and_is_measured_on_random_texts(
    tmp_path: Path, process: Callable[[str], None]
) -> None:
    made = write_random(
        tmp_path / "made", LabelsSettings(embedding_size=4, units=4), sorted(LABELS), text="printer"
    )
    process(COPIES.format(str(made)))
    with opened(tmp_path, model=tmp_path / "model", settings=TINY) as annotation:
        answer_right(annotation, 30)
        until(lambda: annotation.figures().model_texts is not None)
        figures = annotation.figures(fresh=True)
        assert figures.model_texts is not None
        assert 20 <= figures.model_texts <= 24
        assert figures.model_accuracy is not None
        assert figures.model_accuracy.texts == 6


def test_a_model_that_is_given_helps_from_the_start(tmp_path: Path) -> None:
    made = write_random(
        tmp_path / "made", LabelsSettings(embedding_size=4, units=4), sorted(LABELS), text="printer"
    )
    with opened(tmp_path, suggest=made) as annotation:
        answer_right(annotation, 2, fresh=True)
        until(lambda: annotation._models._whole is not None)
        assert annotation.figures(fresh=True).model_accuracy is None


def test_what_cannot_help_or_train_is_one_line(tmp_path: Path) -> None:
    other = write_random(tmp_path / "other", LabelsSettings(embedding_size=4, units=4), ["x", "y"])
    words = write_random(tmp_path / "words", WordsSettings(embedding_size=4, units=4))
    with pytest.raises(UsageError, match="a model with one of the labels"):
        opened(tmp_path, suggest=other)
    with pytest.raises(UsageError, match="a model for labels, found one for words"):
        opened(tmp_path, suggest=words)
    if find_spec("tensorflow") is None:
        return
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ArtifactError, match=r"another file in it: notes\.txt"):
        opened(tmp_path, model=tmp_path / "mine")
    with pytest.raises(SettingsError, match="nosuch"):
        opened(tmp_path, model=tmp_path / "model", preset="nosuch")
    with pytest.raises(SettingsError):
        opened(tmp_path, model=tmp_path / "model", settings={"units": -1})
    # Nothing keeps the journal locked.
    opened(tmp_path).close()


@pytest.mark.soak
def test_a_real_training_in_its_own_process(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    with opened(tmp_path, model=tmp_path / "model", settings=TINY, preset="quick") as annotation:
        answer_right(annotation, 30)
        end = time.monotonic() + 200
        while annotation.figures().model_texts is None:
            assert annotation.training.state != "failed", annotation.training.reason
            assert time.monotonic() < end
            time.sleep(0.2)
    import foretell

    classifier = foretell.load(tmp_path / "model")
    assert isinstance(classifier, foretell.TextClassifier)
    assert classifier.classes_.tolist() == sorted(LABELS)


@pytest.mark.soak
def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    import subprocess

    task = {"texts": tickets(40), "labels": labels(40), "out": str(tmp_path / "model"), "preset": "best"}
    (tmp_path / "task.json").write_text(json.dumps({**task, "settings": {}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "foretell.annotation.training_process", str(tmp_path / "task.json")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(2)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 1
    shutil.rmtree(tmp_path / "model", ignore_errors=True)
