"""A signal in a stage of a training is answered in time. All stages, at random moments:
`make soak`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forked import Child

pytest.importorskip("tensorflow")
pytest.importorskip("numba")

from reliability import trainings

from foretell.errors import Interrupted
from foretell.training.labels import train
from foretell.training.loop import TrainingLoop
from foretell.training.options import TrainOptions
from foretell.training.words import kneser_ney_fit
from foretell.training.words.network import TrainableWords

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

MAX_SECONDS = 5.0

# Where the function of each stage stands, and the seconds after which the signal is sent.
STAGES: dict[tuple[str, str], tuple[Any, str, float]] = {
    ("labels", "members"): (train, "choose_all", 0.0),
    ("labels", "network"): (TrainingLoop, "train", 1.0),
    ("words", "kneser-ney"): (kneser_ney_fit, "count", 0.2),
    ("words", "network"): (TrainingLoop, "train", 0.5),
    ("words", "slow step"): (TrainableWords, "advance", 0.0),
}
_count = kneser_ney_fit.count


def main(job: str, stage: str, number: int, out: str) -> int:
    """Train, and send the signal in a stage of `STAGES`; return the exit code, and print the error.

    "slow step" is a step that takes half a minute, with two signals in it. OUT.sent has the moment.
    """

    def send() -> None:
        Path(f"{out}.sent").write_text(str(time.monotonic()))
        for _ in range(2 if stage == "slow step" else 1):
            os.kill(os.getpid(), number)
            time.sleep(0.1)

    owner, name, seconds = STAGES[job, stage]
    function = {"kneser-ney": _count_for_ten_seconds, "slow step": _slow_step}.get(
        stage, getattr(owner, name)
    )

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        threading.Timer(seconds, send).start()
        return function(*arguments, **options)

    setattr(owner, name, called)
    train: Callable[..., None] = trainings._labels if job == "labels" else trainings._words
    try:
        train(
            TrainOptions(out=Path(out), checkpoint_seconds=0.2),
            0.0,
            100_000 if stage == "network" else 0,
        )
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


def _count_for_ten_seconds(*_: Any, **__: Any) -> Any:
    """Count more text than the corpus has."""
    return _count(np.random.default_rng(0).integers(0, 30_000, 5_000_000, np.int32), 30_000)


def _slow_step(*_: Any) -> None:
    for _turn in range(600):
        time.sleep(0.05)


def run(job: str, stage: str, number: signal.Signals, out: Path) -> tuple[int, str]:
    """Return the exit code and the output of a training, which ends in time after the signal."""
    output = out.with_name("output")
    code = Child(
        "training.test_signals:main", job, stage, int(number), str(out), output=output
    ).wait()
    ended = time.monotonic()
    said = output.read_text()
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
