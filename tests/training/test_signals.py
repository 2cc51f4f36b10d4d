"""A signal in a stage of a training is answered in time. All stages, at random moments: `make soak`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from forked import Child

pytest.importorskip("tensorflow")
pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

MAX_SECONDS = 5.0
"""Two on a machine that does nothing else."""


def run(job: str, stage: str, number: signal.Signals, out: Path) -> tuple[int, str]:
    """Return the exit code and the output of a training, which ends in time after the signal."""
    output = out.with_name("output")
    code = Child("training.signalled:main", job, stage, int(number), str(out), output=output).wait()
    ended, said = time.monotonic(), output.read_text()
    assert "Traceback" not in said, said
    assert ended - float(out.with_name(out.name + ".sent").read_text()) < MAX_SECONDS
    return code, said


@pytest.mark.parametrize(
    ("job", "stage", "number", "expected"),
    [
        pytest.param("labels", "members", signal.SIGTERM, 143, marks=pytest.mark.soak),
        ("labels", "network", signal.SIGINT, 130),
        ("words", "kneser-ney", signal.SIGHUP, 129),
        pytest.param("words", "network", signal.SIGTERM, 143, marks=pytest.mark.soak),
    ],
)
def test_a_stage_answers_in_time(
    tmp_path: Path, job: str, stage: str, number: signal.Signals, expected: int
) -> None:
    code, said = run(job, stage, number, tmp_path / "m")
    assert code == expected, said
    assert f"resume=True and out='{tmp_path / 'm'}'" in said
    assert not (tmp_path / "m").exists()
    assert ("a checkpoint is saved" in said) == (stage == "network")


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    """A step takes 30 seconds here; the first signal waits for its end, the second does not."""
    assert run("words", "slow step", signal.SIGTERM, tmp_path / "m")[0] == -signal.SIGTERM
