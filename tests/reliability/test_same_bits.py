"""The same seed gives the same bits: in fresh processes, and a second time in one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")

SCRIPT = Path(__file__).with_name("hashed.py")


def started(folder: Path, times: int) -> subprocess.Popen[str]:
    """Train some times in a fresh process."""
    command = [sys.executable, str(SCRIPT), str(folder), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trainings(process: subprocess.Popen[str]) -> list[Any]:
    """Return what each training of a process gave."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.timeout(300)
def test_a_seed_gives_the_same_bits_in_fresh_processes_and_twice_in_one(tmp_path: Path) -> None:
    processes = [started(tmp_path / "twice", 2), started(tmp_path / "fresh", 1)]
    (first, second), (other,) = map(trainings, processes)
    assert first == second == other
    # Those of the classifier and those of the language model.
    assert first["svds"] >= 2
    names = {"labels/model.safetensors", "labels/linear.safetensors", "words/model.safetensors"}
    assert names <= set(first["hashes"])
