"""Real signals to real processes: every stage answers within two seconds, and the run can be resumed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from forked import Child

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

MAX_SECONDS = 5.0
"""Two on a machine that does nothing else."""

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass(frozen=True)
class Answered:
    """How a process ended, and how many seconds after the signal."""

    code: int
    error: str
    seconds: float


def run(stage: str, number: signal.Signals, out: Path, *, resume: bool = False) -> Answered:
    output = out.with_name("output")
    code = Child("training.words.signalled:main", stage, int(number), str(out), resume, output=output).wait()
    ended = time.monotonic()
    said = output.read_text()
    assert "Traceback" not in said, said
    sent = out.with_name(out.name + ".sent")
    return Answered(code, said, ended - float(sent.read_text()) if sent.exists() else 0.0)


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
QUICK = ("kneser-ney", "network")
"""The stages that `make test` interrupts; `make soak` interrupts all."""


@pytest.mark.parametrize(
    ("stage", "number", "cached"),
    [pytest.param(*case, id=case[0], marks=() if case[0] in QUICK else pytest.mark.soak) for case in CASES],
)
def test_a_stage_answers_within_two_seconds(
    tmp_path: Path, stage: str, number: signal.Signals, cached: list[str]
) -> None:
    answered = run(stage, number, tmp_path / "m")
    assert answered.code == EXIT_CODES[number], answered
    assert answered.seconds < MAX_SECONDS, answered
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


@pytest.mark.soak
def test_what_writing_left_is_resumed(tmp_path: Path) -> None:
    assert run("writing", signal.SIGINT, tmp_path / "m").code == 130
    assert run("", signal.SIGINT, tmp_path / "m", resume=True).code == 0
    assert (tmp_path / "m" / "model.onnx").exists()
    assert not (tmp_path / "m.run").exists()


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    """A step takes 30 seconds here; the first signal waits for its end, the second does not."""
    answered = run("slow step", signal.SIGTERM, tmp_path / "m")
    assert answered.code == -signal.SIGTERM
    assert answered.seconds < MAX_SECONDS
