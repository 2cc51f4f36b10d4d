"""Trainings with --minutes on a machine with a third of its speed, and killed ones: valid and in time."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from forked import Child
from reliability.sizes import SOAK_SECONDS, part_of, report
from reliability.trainings import STAGES

from foretell.artifacts.directory import open_verified, read_model
from foretell.training.run import folder_of

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

MINUTES, LOST = 0.5, 5.0


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let so many processes compute until the block ends."""
    with subprocess.Popen([sys.executable, "-c", BUSY, str(processes)], stdin=subprocess.PIPE) as parent:
        try:
            yield
        finally:
            assert parent.stdin is not None
            parent.stdin.close()
            parent.wait(timeout=30)


# They end when the pipe is closed, also where the test is killed.
BUSY = """
import os, signal, sys
children = []
for _ in range(int(sys.argv[1])):
    if not (child := os.fork()):
        while True:
            sum(range(100_000))
    children.append(child)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
"""


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("job", ["words"])
def test_at_a_third_of_the_speed_it_ends_in_time(tmp_path: Path, job: str) -> None:
    """The whole command, beside two processes for each core that do nothing but compute."""
    drawn = [f"w{k}" for k in np.random.default_rng(0).zipf(1.2, 500_000) % 20_000]
    text = "\n".join(" ".join(drawn[k : k + 20]) for k in range(0, len(drawn), 20))
    (tmp_path / "text.txt").write_text(text)
    minutes = 1.0
    command = [sys.executable, "-m", "foretell", "train", job, "text.txt", "--out", "m", "--minutes"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
    with busy(2 * (os.cpu_count() or 1)):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            [*command, f"{minutes:g}"], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        took = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    metrics = read_model(tmp_path / "m").metrics
    share = (used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime) / took / (os.cpu_count() or 1)
    report(
        job, seconds=f"{took:.1f}", limit=60 * minutes, share=f"{share:.0%}", steps=metrics["steps"],
        notes=done.stderr,
    )  # fmt: skip
    if share < 0.25:
        pytest.skip(f"other programs left {share:.0%} of the machine, less than about a third")
    assert took <= 60 * minutes


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("job", STAGES)
def test_killed_with_a_time_limit_it_ends_valid_and_in_time(tmp_path: Path, job: str) -> None:
    """Each training is killed up to three times; all of its processes together have the time limit."""
    count, chance = part_of(10), random.Random(10)
    kills, took = 0, []
    for number in range(count):
        out = tmp_path / f"model-{number}"
        took.append(0.0)
        moments = [chance.uniform(0, 20 * MINUTES) for _ in range(3)]
        while not out.exists():
            moment = moments.pop() if moments else None
            took[-1] += trained(job, out, moment)
            kills += moment is not None
        open_verified(out)
    report(
        f"{job} with --minutes {MINUTES:g}", kills=kills, models=count,
        seconds=", ".join(f"{seconds:.1f}" for seconds in took),
    )  # fmt: skip
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
