"""A training that sends itself a signal in a stage, and notes when."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from reliability import trainings

from foretell.errors import Interrupted
from foretell.training.labels import train
from foretell.training.labels.network_fit import Fitting
from foretell.training.options import TrainOptions
from foretell.training.words import kneser_ney_fit
from foretell.training.words.loop import Loop

# Where the function of each stage stands, and the seconds after which the signal is sent.
STAGES: dict[tuple[str, str], tuple[Any, str, float]] = {
    ("labels", "members"): (train, "choose_all", 0.0),
    ("labels", "network"): (Fitting, "fit", 1.0),
    ("words", "kneser-ney"): (kneser_ney_fit, "count", 0.2),
    ("words", "network"): (Loop, "train", 0.5),
    ("words", "slow step"): (Loop, "_step", 0.0),
}
_count = kneser_ney_fit.count


def main(job: str, stage: str, number: int, out: str) -> int:
    """Train; return the exit code of an interruption, whose error is printed.

    Args:
        job, stage: a stage of `STAGES`; "slow step": a step that takes half a minute, and two signals in it.
        number: of the signal.
        out: the model directory; OUT.sent is the file of the moment.
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
        train(TrainOptions(out=Path(out), checkpoint_seconds=0.2), 0.0, 100_000 if stage == "network" else 0)
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


def _count_for_ten_seconds(*_: Any, **__: Any) -> Any:
    """Count more text than the corpus has."""
    return _count(np.random.default_rng(0).integers(0, 30_000, 5_000_000, np.int32), 30_000)


def _slow_step(_: Loop) -> None:
    for _turn in range(600):
        time.sleep(0.05)
