"""Long tests of folds on Ray: the same classifier bit for bit, killed workers, Ctrl-C, a time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.artifacts.directory import read_model
from foretell.cluster import folds, session
from foretell.cluster.folds import FoldWorkers
from foretell.text_classifier import TextClassifier
from foretell.training.events import Event, Note

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
SETTINGS: dict[str, Any] = {"units": 8, "embedding_size": 8, "length": 20}


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (session, folds):
        monkeypatch.setattr(module, "usable_processors", lambda: 2)


def data(n: int = 200) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    labels = ["bad" if k % 2 else "good" for k in range(n)]
    words = rng.integers(40, size=(n, 2)).tolist()
    return [f"{label[0]}x w{a} w{b}" for label, (a, b) in zip(labels, words, strict=True)], labels


def weights(path: Path) -> dict[str, Any]:
    model = read_model(path)
    return {**model.weights, "ensemble": np.array(repr(model.ensemble))}


def test_two_workers_of_which_one_is_killed_give_the_classifier_of_the_command_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, killed = list[str](), list[str]()
    hand_out = FoldWorkers._hand_out

    def handed(self: FoldWorkers, run: Any) -> None:
        hand_out(self, run)
        if self._busy and not killed:
            name = next(iter(self._busy.values()))[0]
            killed.append(name)
            os.kill(int(name.rpartition(":")[2]), signal.SIGKILL)

    monkeypatch.setattr(FoldWorkers, "_hand_out", handed)

    def listen(event: Event) -> None:
        if isinstance(event, Note):
            said.append(event.text)

    TextClassifier(**SETTINGS).fit(*data(), out=tmp_path / "one", baseline=False)
    TextClassifier(**SETTINGS).fit(
        *data(), out=tmp_path / "two", baseline=False, cluster="local", workers=2, listener=listen
    )
    assert [text for text in said if "its process has died" in text]
    assert [text for text in said if "is trained again" in text]
    assert not [text for text in said if "by the command itself" in text]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


def command(folder: Path, *more: str) -> list[str]:
    lines = [json.dumps({"text": text, "label": label}) for text, label in zip(*data(), strict=True)]
    (folder / "data.jsonl").write_text("\n".join(lines))
    flags = ["--units", "8", "--embedding-size", "8", "--length", "20", "--no-baseline"]
    argv = ["train", "labels", "data.jsonl", "--out", "m", *flags, "--cluster", "local", "--workers", "2"]
    return [sys.executable, "-m", "foretell", *argv, *more]


def test_ctrl_c_saves_a_checkpoint_and_the_training_resumes(tmp_path: Path) -> None:
    argv = command(tmp_path)
    process = subprocess.Popen(argv, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "training the network on 5 folds" in line:
            break
    time.sleep(1)
    began = time.monotonic()
    # As a terminal does: to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130, said
    assert time.monotonic() - began < 10
    assert "interrupted; resume with: foretell train labels data.jsonl" in said
    assert "Traceback" not in said
    assert list((tmp_path / "m.run" / "checkpoints").glob("checkpoint-*"))
    done = subprocess.run([*argv, "--resume", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["texts"] == 200


def test_a_time_limit_is_kept(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        command(tmp_path, "--minutes", "0.5", "--json"), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 30 + 5
