"""Real signals to real processes: every step of a classifier's training answers within two seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

# Trains on made-up texts; sends itself a signal a moment after a step has begun, and notes when.
PROGRAM = """
import os, sys, threading, time
from pathlib import Path
import numpy as np
from foretell.config import LABELS_PRESETS, with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import Interrupted
from foretell.training.labels import network, on_folds, on_validation, pseudo_labels, train
from foretell.training.options import TrainOptions

stage, number, out, resume = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "resume"

def send():
    with open(out + ".sent", "w") as file:
        file.write(str(time.monotonic()))
    os.kill(os.getpid(), number)

def later(seconds, function):
    def called(*arguments, **options):
        threading.Timer(seconds, send).start()
        return function(*arguments, **options)
    return called

if stage == "tokens":
    train.tokenize_split = later(0.2, train.tokenize_split)
elif stage == "linear":
    on_validation.fit_linear = later(0.1, on_validation.fit_linear)
elif stage == "vectors":
    pseudo_labels.label_by_vectors = later(0.3, pseudo_labels.label_by_vectors)
elif stage == "embeddings":
    network.cooccurrence_embeddings = later(0.1, network.cooccurrence_embeddings)
elif stage == "network":
    from foretell.training.labels.network_fit import Fitting
    Fitting.fit = later(2.0, Fitting.fit)
elif stage == "members":
    on_folds.choose_members = later(0.5, on_folds.choose_members)
elif stage == "folds":
    on_folds.fold_probabilities = later(3.0, on_folds.fold_probabilities)
elif stage == "refit":
    on_validation.final_linear = later(0.05, on_validation.final_linear)

rng = np.random.default_rng(0)
def texts(n):
    return [" ".join(f"w{k}" for k in rng.zipf(1.3, 80) % 20_000) for _ in range(n)]
labelled = texts(900 if stage in ("members", "folds") else 6_000)
labels = [("a", "b")[i % 2] for i in range(len(labelled))]
settings = with_changes(LABELS_PRESETS["base"], {
    "units": 8, "embedding_size": 16, "length": 40, "min_steps": 1, "patience": 0,
    "epochs": 40 if stage == "network" else 1,
})
examples, fraction = Examples(labelled, labels, name="made up"), settings.fraction_for(len(labelled))
split = make_split(examples, fraction=fraction, seed=1, unlabelled=texts(4_000))
try:
    train.train_labels(split, settings, TrainOptions(out=Path(out), resume=resume))
except Interrupted as error:
    print(error, flush=True)
    os._exit(error.exit_code)
os._exit(0)
"""
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def run(stage: str, number: signal.Signals, out: Path, *, resume: bool = False) -> tuple[int, str, float]:
    """Return the exit code, stdout, and the seconds from the signal to the end of the process."""
    command = [sys.executable, "-c", PROGRAM, stage, str(int(number)), str(out), "resume" if resume else ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    ended = time.monotonic()
    assert "Traceback" not in done.stderr, done.stderr
    sent = out.with_name(out.name + ".sent")
    return done.returncode, done.stdout, ended - float(sent.read_text()) if sent.exists() else 0.0


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("tokens", signal.SIGINT),
        ("linear", signal.SIGTERM),
        ("vectors", signal.SIGHUP),
        ("embeddings", signal.SIGTERM),
        ("network", signal.SIGINT),
        ("refit", signal.SIGINT),
        ("members", signal.SIGTERM),
        ("folds", signal.SIGINT),
    ],
)
def test_a_step_answers_within_two_seconds(tmp_path: Path, stage: str, number: signal.Signals) -> None:
    code, stdout, seconds = run(stage, number, tmp_path / "m")
    assert code == EXIT_CODES[number], stdout
    assert seconds < 2
    assert f"resume=True and out='{tmp_path / 'm'}'" in stdout
    assert not (tmp_path / "m").exists()
    assert ("a checkpoint is saved" in stdout) == (stage in ("embeddings", "network", "refit"))


def test_pseudo_labels_survive_an_interruption_and_the_training_ends(tmp_path: Path) -> None:
    assert run("embeddings", signal.SIGINT, tmp_path / "m")[0] == 130
    checkpoints = tmp_path / "m.run" / "checkpoints"
    assert any(checkpoints.iterdir())
    assert run("", signal.SIGINT, tmp_path / "m", resume=True)[0] == 0
    assert (tmp_path / "m" / "model.onnx").exists()
    assert not (tmp_path / "m.run").exists()
