"""Real signals to real processes: every stage answers within two seconds, and the run can be resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

# Trains on a corpus; sends itself a signal when a stage has run for some seconds, and notes when.
PROGRAM = """
import os, sys, threading, time
from pathlib import Path
import numpy as np
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import Interrupted
from foretell.training.options import TrainOptions
from foretell.training.words import data, kneser_ney_fit, train

stage, number, out, resume = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "resume"

def send(times=1):
    with open(out + ".sent", "w") as file:
        file.write(str(time.monotonic()))
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(0.2)

def later(seconds, function):
    def called(*arguments, **options):
        threading.Timer(seconds, send).start()
        return function(*arguments, **options)
    return called

def counting(*arguments, **options):
    threading.Timer(0.3, send).start()
    # Ten seconds of counting: more text than the corpus has.
    ids = np.random.default_rng(0).integers(0, 30_000, 5_000_000, np.int32)
    return COUNT(ids, 30_000)

COUNT = kneser_ney_fit.count
if stage == "vocabulary":
    data.Tokenizer.train = later(0.05, data.Tokenizer.train)
elif stage == "tokens":
    data.write_tokens = later(0.0, data.write_tokens)
elif stage == "kneser-ney":
    kneser_ney_fit.count = counting
elif stage == "interpolation":
    train.interpolate = later(0.0, train.interpolate)
elif stage == "writing":
    from foretell.training import run
    run.write_model = later(0.0, run.write_model)
elif stage == "network":
    from foretell.training.words.loop import Loop
    Loop.train = later(1.0, Loop.train)
elif stage == "validation":
    from foretell.training.words.loop import Loop
    Loop.evaluate = later(0.05, Loop.evaluate)
elif stage == "slow step":
    from foretell.training.words.loop import Loop
    def slow_step(self):
        threading.Timer(0.0, send, [2]).start()
        for _ in range(600):
            time.sleep(0.05)
    Loop._step = slow_step

rng = np.random.default_rng(0)
words = [f"w{k}" for k in rng.zipf(1.2, 400_000) % 5_000]
corpus = Corpus.from_texts([" ".join(words[k : k + 20]) for k in range(0, len(words), 20)])
settings = WordsSettings(
    embedding_size=32, units=32, streams=8, epochs=50 if stage in ("network", "slow step") else 1,
    min_steps=1, valid_fraction=0.1, kneser_ney=True, max_ngrams=20_000, vocabulary=2_000,
    window=35 if stage == "network" else 200,
)
try:
    train.train_words(corpus, settings, TrainOptions(out=Path(out), resume=resume))
except Interrupted as error:
    print(error, flush=True)
    os._exit(error.exit_code)
os._exit(0)
"""
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass(frozen=True)
class Answered:
    """How a process ended, and how many seconds after the signal."""

    code: int
    error: str
    seconds: float


def run(stage: str, number: signal.Signals, out: Path, *, resume: bool = False) -> Answered:
    command = [sys.executable, "-c", PROGRAM, stage, str(int(number)), str(out), "resume" if resume else ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    ended = time.monotonic()
    assert "Traceback" not in done.stderr, done.stderr
    sent = out.with_name(out.name + ".sent")
    return Answered(done.returncode, done.stdout, ended - float(sent.read_text()) if sent.exists() else 0.0)


# What lies in the run's folder when a stage is interrupted.
CASES = [
    ("vocabulary", signal.SIGINT, []),
    ("tokens", signal.SIGTERM, ["tokenizer.json"]),
    ("kneser-ney", signal.SIGHUP, ["tokenizer.json", "tokens.npy"]),
    ("network", signal.SIGTERM, ["tokenizer.json", "tokens.npy"]),
    ("validation", signal.SIGINT, ["tokenizer.json", "tokens.npy"]),
    ("interpolation", signal.SIGINT, ["tokenizer.json", "tokens.npy"]),
    ("writing", signal.SIGTERM, ["tokenizer.json", "tokens.npy"]),
]


@pytest.mark.parametrize(("stage", "number", "cached"), CASES, ids=[case[0] for case in CASES])
def test_a_stage_answers_within_two_seconds(
    tmp_path: Path, stage: str, number: signal.Signals, cached: list[str]
) -> None:
    answered = run(stage, number, tmp_path / "m")
    assert answered.code == EXIT_CODES[number], answered
    assert answered.seconds < 2, answered
    assert f"resume=True and out='{tmp_path / 'm'}'" in answered.error
    assert not (tmp_path / "m").exists()
    cache = tmp_path / "m.run" / "cache"
    found = (
        sorted(
            path.name
            for path in cache.iterdir()
            if path.suffix not in (".tmp", ".json") or path.name == "tokenizer.json"
        )
        if cache.exists()
        else []
    )
    assert found == cached
    has_checkpoint = stage not in ("vocabulary", "tokens", "kneser-ney")
    assert ("a checkpoint is saved" in answered.error) == has_checkpoint


def test_what_writing_left_is_resumed(tmp_path: Path) -> None:
    assert run("writing", signal.SIGINT, tmp_path / "m").code == 130
    assert run("", signal.SIGINT, tmp_path / "m", resume=True).code == 0
    assert (tmp_path / "m" / "model.onnx").exists()
    assert not (tmp_path / "m.run").exists()


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    """A step takes 30 seconds here; the first signal waits for its end, the second does not."""
    answered = run("slow step", signal.SIGTERM, tmp_path / "m")
    assert answered.code == -signal.SIGTERM
    assert answered.seconds < 2
