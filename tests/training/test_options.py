"""Options that a training refuses, and the start of its time limit."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from foretell.errors import SettingsError
from foretell.training.options import TrainOptions


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_checkpoints_need_time_between_them(seconds: float) -> None:
    with pytest.raises(SettingsError, match=r"checkpoint-seconds: expected more than 0"):
        TrainOptions(out=Path("m"), checkpoint_seconds=seconds)


def test_resume_and_restart_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="both"):
        TrainOptions(out=Path("m"), resume=True, restart=True)


def test_each_training_of_a_process_starts_with_a_fresh_time_limit() -> None:
    first = TrainOptions(out=Path("m"))
    time.sleep(0.01)
    second = TrainOptions(out=Path("m"))
    assert first.started < second.started <= time.monotonic()
