"""The command itself with real workers: Ctrl-C, a worker that is killed, and a Ray cluster."""

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
from tuning.tiny import TINY

import foretell
from foretell.tuning.trials import TrialRecord

pytestmark = [pytest.mark.soak, pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")]

Reviews = tuple[list[str], list[str]]
SETTINGS: dict[str, Any] = {**TINY, "units": 4, "valid_fraction": 0.3}


def arguments(*more: str) -> list[str]:
    flags = [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [
        sys.executable, "-m", "foretell", "tune", "reviews.csv", "--out", "tuned", *flags, "--json", *more,
    ]  # fmt: skip


def write(reviews: Reviews, folder: Path) -> None:
    rows = [f"{text},{label}\n" for text, label in zip(*reviews, strict=True)]
    (folder / "reviews.csv").write_text("text,label\n" + "".join(rows))


def wait_for_trials(folder: Path, count: int) -> None:
    """Wait until so many trials have a model."""
    end = time.monotonic() + 200
    while len(list((folder / "tuned" / "trials").glob("*/model/manifest.json"))) < count:
        assert time.monotonic() < end
        time.sleep(0.1)


def workers_of(pid: int) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "foretell.tuning.worker"], capture_output=True, text=True
    )
    return [int(each) for each in found.stdout.split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_search_ends_within_seconds_and_is_continued(
    number: signal.Signals, reviews: Reviews, tmp_path: Path
) -> None:
    write(reviews, tmp_path)
    process = subprocess.Popen(
        arguments("--minutes", "20"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for_trials(tmp_path, 2)
    workers = workers_of(process.pid)
    assert workers
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    if number != signal.SIGKILL:
        assert "the study is saved; the same command continues it" in err.splitlines()[-1]
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.1)
    again = subprocess.run(
        arguments("--minutes", "20", "--trials", "4"), cwd=tmp_path, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found = json.loads(again.stdout.splitlines()[-1])
    assert sum(each["state"] == "complete" for each in found["trials"]) >= 4
    assert (tmp_path / "tuned" / "model" / "config.json").exists()


def test_a_worker_that_is_killed_costs_its_trial_alone(reviews: Reviews, tmp_path: Path) -> None:
    write(reviews, tmp_path)
    process = subprocess.Popen(
        arguments("--minutes", "20", "--trials", "5"), cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_trials(tmp_path, 1)
    for worker in workers_of(process.pid):
        os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    states = [each["state"] for each in json.loads(out.splitlines()[-1])["trials"]]
    assert states.count("complete") == 5
    assert states.count("failed") <= 1


def test_the_time_limit_holds_for_the_whole_command(reviews: Reviews, tmp_path: Path) -> None:
    write(reviews, tmp_path)
    began = time.monotonic()
    subprocess.run(arguments("--minutes", "0.75"), cwd=tmp_path, capture_output=True, text=True, check=True)
    # Python itself starts and ends outside of it.
    assert time.monotonic() - began < 0.75 * 60 + 3


def test_trials_on_a_ray_cluster(reviews: Reviews, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    found = foretell.tune(
        *reviews, minutes=10, out=tmp_path / "tuned", cluster="local", workers=1, trials=3, **SETTINGS
    )
    assert [each.state for each in found.trials] == ["complete"] * 3
    assert (tmp_path / "tuned" / "model" / "config.json").exists()
    assert len(list((tmp_path / "tuned" / "trials").glob("*/answers.npz"))) == 3
    here = foretell.tune(*reviews, minutes=10, out=tmp_path / "here", workers=1, trials=3, **SETTINGS)

    def values(trials: tuple[TrialRecord, ...]) -> list[float | None]:
        return [each.value for each in trials]

    assert values(found.trials) == pytest.approx(values(here.trials))
