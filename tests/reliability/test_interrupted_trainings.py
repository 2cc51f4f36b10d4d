"""Trainings killed and interrupted at random moments of every stage: resumed, they end with the
same bits.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from forked import Child
from reliability.sizes import SOAK_SECONDS, part_of, report, sizes
from reliability.trainings import STAGES

from foretell.artifacts.directory import read_model
from foretell.training.checkpoints import Checkpoints
from foretell.training.run import folder_of

pytest.importorskip("tensorflow")
pytest.importorskip("numba")
pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals"),
    pytest.mark.parametrize("job", STAGES),
]

MAX_SECONDS = 5.0
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
# What may differ: metrics of the time that a training took.
COMPARED = ["model.safetensors", "tokenizer.json"]
COMPARED += [f"{member}.safetensors" for member in ("linear", "tfidf", "kneser_ney")]


class Trainings:
    """Trainings of one job in a folder."""

    def __init__(self, job: str, folder: Path) -> None:
        self.job = job
        self.folder = folder
        self.whole = folder / "whole"
        assert self._run(self.whole) == 0, self.said()
        moments: dict[str, list[float]] = {stage: [] for stage in STAGES[job]}
        for line in Path(f"{self.whole}.stages").read_text().splitlines():
            stage, at = line.split()
            moments[stage].append(float(at))
        self.seconds = {stage: max(each) - min(each) for stage, each in moments.items()}

    def _run(
        self, out: Path, resume: bool = False, stage: str = "", seconds: float = 0, number: int = 0
    ) -> int:
        # The default path, with a time limit that is never reached: decided on folds.
        minutes = 600.0 if self.job == "labels" else 0
        given = (self.job, str(out), resume, stage, seconds, number, minutes, False)
        return Child("reliability.trainings:main", *given, output=self.folder / "output").wait()

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def interrupt(self, out: Path, resume: bool, stage: str, seconds: float, number: int) -> int:
        """Send a signal some seconds after a stage has begun, and check the end; return the exit
        code.
        """
        sent = Path(f"{out}.sent")
        sent.unlink(missing_ok=True)
        code = self._run(out, resume, stage, seconds, number)
        took = time.monotonic() - float(sent.read_text()) if sent.exists() else 0.0
        assert took <= MAX_SECONDS
        if code == 0:
            return 0
        said = self.said()
        assert "Traceback" not in said, said
        assert code == EXIT_CODES.get(signal.Signals(number), -number), said
        if number != signal.SIGKILL:
            assert "resume=True" in said
        return code

    def check_checkpoint(self, out: Path) -> None:
        """Check that the run has a valid checkpoint wherever one was announced."""
        folder = folder_of(out)
        request = hashlib.sha256((folder / "request.json").read_bytes()).hexdigest()
        latest = Checkpoints(folder / "checkpoints", request=request).latest()
        assert latest is not None or "a checkpoint is saved" not in self.said()

    def is_same(self, out: Path) -> bool:
        """Return whether a model is, bit for bit, the one of the training that was not
        interrupted.
        """
        read_model(out)
        files = {
            folder: {
                name: (folder / name).read_bytes() for name in COMPARED if (folder / name).exists()
            }
            | {"ensemble": json.loads((folder / "config.json").read_bytes()).get("ensemble")}
            for folder in (self.whole, out)
        }
        return files[self.whole] == files[out]


@sizes(1, 10)
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    tmp_path: Path, job: str, count: int
) -> None:
    interrupt_at_random(Trainings(job, tmp_path), [signal.SIGKILL], count)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
def test_a_signal_at_a_random_moment_is_answered_in_time(tmp_path: Path, job: str) -> None:
    """A few signals to each job are a part of `make test`: tests/training/test_signals.py."""
    interrupt_at_random(Trainings(job, tmp_path), list(EXIT_CODES), part_of(50))


def interrupt_at_random(trainings: Trainings, signals: list[signal.Signals], count: int) -> None:
    """Interrupt so many times, in each stage in turn, each training up to three times; compare all
    models.
    """
    job = trainings.job
    folder = trainings.folder
    chance = random.Random(count)
    stages = list(STAGES[job])
    interrupted: Counter[str] = Counter()
    n_models = 0
    while sum(interrupted.values()) < count:
        out = folder / f"model-{n_models}"
        resume = False
        # A training is interrupted up to three times.
        for _ in range(3):
            n = sum(interrupted.values())
            stage = stages[n % len(stages)] if count > 1 else "network"
            seconds = chance.uniform(0, trainings.seconds[stage])
            if not trainings.interrupt(out, resume, stage, seconds, signals[n % len(signals)]):
                break
            interrupted[stage] += 1
            # A kill may come after the model was written, or before the run was.
            if out.exists():
                break
            resume = folder_of(out).exists()
            if resume:
                trainings.check_checkpoint(out)
            if sum(interrupted.values()) >= count:
                break
        if not out.exists():
            assert trainings.interrupt(out, resume, "", 0, 0) == 0, trainings.said()
        assert trainings.is_same(out)
        n_models += 1
    report(
        f"{job} {'/'.join(each.name for each in signals)}",
        interruptions=sum(interrupted.values()),
        models=n_models,
        **interrupted,
    )


MINUTES = 0.5
LOST = 5.0


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
def test_killed_with_a_time_limit_it_ends_valid_and_in_time(tmp_path: Path, job: str) -> None:
    """Each training is killed up to three times; all of its processes together have the time
    limit.
    """
    count = part_of(10)
    chance = random.Random(10)
    kills = 0
    took = []
    for number in range(count):
        out = tmp_path / f"model-{number}"
        took.append(0.0)
        moments = [chance.uniform(0, 20 * MINUTES) for _ in range(3)]
        while not out.exists():
            moment = moments.pop() if moments else None
            took[-1] += trained(job, out, moment)
            kills += moment is not None
        read_model(out)
    report(
        f"{job} with --minutes {MINUTES:g}",
        kills=kills,
        models=count,
        seconds=", ".join(f"{seconds:.1f}" for seconds in took),
    )
    # A kill loses the time since the last note, and each process starts anew.
    assert max(took) <= 60 * MINUTES + 3 * LOST


def trained(job: str, out: Path, kill_after: float | None) -> float:
    """Train, or resume, and kill the process after some seconds; return how long it ran."""
    resume = (folder_of(out) / "request.json").exists()
    given = (job, str(out), resume, "", 0, 0, MINUTES, True)
    began = time.monotonic()
    child = Child("reliability.trainings:main", *given, output=out.with_name("output"))
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child.pid, signal.SIGKILL)
    code = child.wait()
    assert code in (0, -signal.SIGKILL), out.with_name("output").read_text()
    return time.monotonic() - began
