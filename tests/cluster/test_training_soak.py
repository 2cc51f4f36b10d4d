"""Long tests of training on Ray: killed workers, Ctrl-C, a time limit, processors that are taken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cluster.heads import running_head, show_token
from cluster.test_training import TINY, texts

from foretell.cluster import session, training
from foretell.cluster.training import RayWorkers
from foretell.errors import LostWorkerError
from foretell.language_model import LanguageModel
from foretell.training.events import Event, Note, Progress
from foretell.training.words import loop
from foretell.training.words.parallel import team_loop

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
KILLS = 3


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (session, training):
        monkeypatch.setattr(module, "usable_processors", lambda: 2)


def flags(**settings: Any) -> list[str]:
    values = {**TINY, **settings}
    names = {f"--{name.replace('_', '-')}": value for name, value in values.items()}
    del names["--kneser-ney"]
    return ["--no-kneser-ney", *(part for name, value in names.items() for part in (name, str(value)))]


@pytest.mark.parametrize("every", [1, 4])
def test_a_killed_worker_costs_the_steps_since_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(loop, "_SHOW_SECONDS", 0.0)
    notes, killed, teams = list[str](), list[int](), list[RayWorkers]()
    gather = RayWorkers.gather

    def gathered(self: RayWorkers, *arguments: Any) -> Any:
        teams.append(self)
        return gather(self, *arguments)

    monkeypatch.setattr(RayWorkers, "gather", gathered)

    def kill(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.text)
        if isinstance(event, Progress) and len(killed) < KILLS and event.step >= 20 * (len(killed) + 1):
            killed.append(event.step)
            os.kill(int(teams[-1].names[1].rpartition(":")[2]), signal.SIGKILL)

    settings = {**TINY, "epochs": 4, "min_steps": 200}
    options: dict[str, Any] = {"baseline": False, **settings}
    model = LanguageModel.train(
        texts(), out=tmp_path / "m", cluster="local", workers=2, average_every=every, listener=kill,
        checkpoint_seconds=1e-9, **options,
    )  # fmt: skip
    assert len(killed) == KILLS
    assert len(teams) == KILLS + 1
    lost = [note for note in notes if note.startswith("a worker was lost")]
    assert len(lost) == KILLS
    assert all("its process has died" in note for note in lost)
    one = LanguageModel.train(texts(), out=tmp_path / "one", **options)
    assert model.metrics["steps"] == one.metrics["steps"]
    assert model.metrics["perplexity"] == pytest.approx(
        one.metrics["perplexity"], rel=0.001 if every == 1 else 0.1
    )


def test_ctrl_c_saves_a_checkpoint_and_the_training_resumes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\n".join(texts()))
    settings = flags(min_steps=3_000, epochs=3)
    argv = ["train", "words", "notes.txt", "--out", "m", "--no-baseline", *settings]
    command = [sys.executable, "-m", "foretell", *argv, "--cluster", "local", "--workers", "2"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    metrics = tmp_path / "m.run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not metrics.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    # As a terminal does: to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130, said
    assert "interrupted; resume with: foretell train words notes.txt" in said
    assert "Traceback" not in said
    assert list((tmp_path / "m.run" / "checkpoints").glob("checkpoint-*"))
    done = subprocess.run([*command, "--resume", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] >= 3_000


def test_a_cluster_that_is_there_is_used_as_a_local_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_head() as head:
        show_token(monkeypatch, head)
        model = LanguageModel.train(texts(), out=tmp_path / "m", cluster=head.address, workers=2, **TINY)
    assert model.metrics["workers"] == 2


def test_a_time_limit_is_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\n".join(texts()))
    argv = ["train", "words", "notes.txt", "--out", "m", "--minutes", "0.7", *flags(epochs=1_000)]
    command = [sys.executable, "-m", "foretell", *argv, "--cluster", "local", "--workers", "2", "--json"]
    began = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Two seconds to begin and to stop Ray, which the trainer does not see.
    assert time.monotonic() - began < 42 + 5
    assert json.loads(done.stdout)["workers"] == 2


def test_processors_that_are_taken_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(team_loop, "START_SECONDS", 3.0)
    gather = RayWorkers.gather
    taken = list[Any]()

    def busy(self: RayWorkers, *arguments: Any) -> Any:
        if not taken:
            from ray.util.placement_group import placement_group

            taken.append(placement_group([{"CPU": 1}]))
            ray.get(taken[0].ready())
        return gather(self, *arguments)

    monkeypatch.setattr(RayWorkers, "gather", busy)
    with pytest.raises(LostWorkerError, match=r"the processors of the cluster are taken"):
        LanguageModel.train(texts(), out=tmp_path / "m", cluster="local", workers=2, **TINY)
