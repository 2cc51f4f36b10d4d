"""doctor: what is there, what is missing and how to get it, for people and for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import subprocess
import sys

import pytest
from cli_workplace import Run

from foretell.cli import doctor
from foretell.cli.doctor import dependencies


def test_doctor_shows_the_machine_and_every_dependency(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    answer = run("doctor")
    assert answer.code == 0
    for each in dependencies():
        assert f"  {each.name} " in answer.out
    for extra in ("train", "serve"):
        assert f"extra {extra} (optional)\n" in answer.out
    assert "/nowhere (no such folder)" in answer.out
    assert "CPUExecutionProvider" in answer.out
    assert "openblas" in answer.out.lower()
    assert "GiB" in answer.out


def test_doctor_for_programs(run: Run) -> None:
    (line,) = run("doctor", "--format", "jsonl").out.splitlines()
    record = json.loads(line)
    assert record["processors"] >= 1
    assert record["memory_bytes"] > 2**30
    assert record["tensorflow_devices"] is None
    assert record["dependencies"] == [dataclasses.asdict(each) for each in dependencies()]
    rows = list(csv.DictReader(io.StringIO(run("doctor", "--format", "csv").out)))
    assert [row["name"] for row in rows] == [each.name for each in dependencies()]


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if package in name else real(name))


def test_what_an_extra_lacks_is_named_with_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "tensorflow")
    answer = run("doctor")
    assert answer.code == 0
    line = next(
        line for line in answer.out.splitlines() if line.startswith("extra train: missing tensorflow")
    )
    assert line.endswith("; install with: pip install 'foretell[train]'")


def test_what_predictions_lack_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "safetensors")
    answer = run("doctor")
    assert answer.code == 1
    assert "required: missing safetensors; install with: pip install --force-reinstall foretell" in answer.out
    assert json.loads(run("doctor", "--json").out)["foretell"]


def test_tensorflow_is_imported_only_when_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_devices", lambda: ["CPU /physical_device:CPU:0"])
    assert "TensorFlow     CPU /physical_device:CPU:0\n" in run("doctor", "--train").out
    assert "doctor --train lists its devices" in run("doctor").out


def test_the_devices_of_tensorflow() -> None:
    script = (
        "from foretell.cli.doctor import this_machine; print(this_machine(train=True).tensorflow_devices)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "CPU /physical_device:CPU:0" in done.stdout
