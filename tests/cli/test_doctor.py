"""doctor: what is installed and what is missing."""

from __future__ import annotations

import dataclasses
import re

import pytest
from cli_workplace import Run, report_of, rows_of

from foretell.cli import doctor
from foretell.cli.doctor import Dependency, dependencies, dependencies_text


def test_doctor_shows_the_machine_and_every_dependency(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    answer = run("doctor")
    assert answer.code == 0
    for each in dependencies():
        assert f"\n{each.name} " in answer.out
    for extra in ("train", "serve"):
        assert f"  extra {extra}\n" in answer.out
    assert "/nowhere (no such folder)" in answer.out
    assert "CPUExecutionProvider" in answer.out


def test_doctor_for_programs(run: Run) -> None:
    record = report_of(run("doctor", "--json"))
    assert record["processors"] >= 1
    assert record["memory_bytes"] > 2**30
    assert record["tensorflow_devices"] is None
    assert record["dependencies"] == [dataclasses.asdict(each) for each in dependencies()]
    rows = rows_of(run("doctor", "--format", "csv"))
    assert [row["name"] for row in rows] == [each.name for each in dependencies()]


@pytest.mark.parametrize(
    ("package", "code", "says"),
    [
        ("tensorflow", 0, r"\nextra train: missing tensorflow.*: pip install 'foretell\[train\]'\n"),
        ("safetensors", 1, r"\nrequired: missing safetensors; .*: pip install --force-reinstall foretell\n"),
    ],
)
def test_what_is_missing_is_named_with_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, package: str, code: int, says: str
) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if package in name else real(name))
    answer = run("doctor")
    assert answer.code == code
    assert re.search(says, answer.out)


def test_tensorflow_is_imported_only_when_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_devices", lambda: ["CPU /physical_device:CPU:0"])
    assert "tensorflow devices     CPU /physical_device:CPU:0\n" in run("doctor", "--train").out
    assert "tensorflow devices     -\n" in run("doctor").out


def read(monkeypatch: pytest.MonkeyPatch, *lines: str, installed: dict[str, str]) -> list[Dependency]:
    monkeypatch.setattr(doctor, "requires", lambda _: list(lines))
    monkeypatch.setattr(doctor, "_version", installed.get)
    return list(dependencies())


def test_a_version_that_is_too_old_will_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, none = read(monkeypatch, "a>=1.22", "b<3,>=1.2", "c", installed={"a": "1.3", "b": "2.10.1"})
    assert (old.is_good, new.is_good, none.is_good) == (False, True, False)
    assert "required: missing a >=1.22 (installed: 1.3), c; install" in dependencies_text([old, new, none])


def test_tensorflow_in_either_build_will_do_unless_its_gpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ("tensorflow-cpu>=2.21; extra == 'train'", "tensorflow[and-cuda]>=2.21; extra == 'train-gpu'")
    cpu, gpu = read(monkeypatch, *lines, installed={"tensorflow-cpu": "2.21.0"})
    assert (cpu.name, cpu.is_good) == ("tensorflow-cpu", True)
    assert (gpu.name, gpu.is_good) == ("tensorflow[and-cuda]", False)
    cpu, gpu = read(monkeypatch, *lines, installed={"tensorflow": "2.22.0"})
    assert cpu.is_good
    assert gpu.is_good
