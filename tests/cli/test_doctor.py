"""doctor: what the machine has, and what is missing."""

from __future__ import annotations

import csv

import pytest
from cli_workplace import Run, report_of

from foretell.cli import doctor
from foretell.cli.doctor import missing
from foretell.installation import command, install_command

LINES = (
    "a>=1.22",
    "b<3,>=1.2",
    "tensorflow-cpu>=2.21; extra == 'train'",
    "c; extra == 'serve'",
    "d",
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the versions that are installed, of what `LINES` need: a test may change them."""
    versions = {"a": "1.22", "b": "2.10.1", "tensorflow": "2.22.0", "c": "1", "d": "3"}
    monkeypatch.setattr(doctor, "requires", lambda _: list(LINES))
    monkeypatch.setattr(
        doctor, "_version", lambda name: "9" if name == "foretell" else versions.get(name)
    )
    return versions


@pytest.mark.usefixtures("installed")
def test_the_machine_is_shown_and_nothing_where_nothing_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    monkeypatch.setattr(doctor, "_devices", lambda: ["CPU /physical_device:CPU:0"])
    answer = run("doctor", "--train")
    assert answer.code == 0
    assert "/nowhere (no such folder)" in answer.out
    assert "CPUExecutionProvider" in answer.out
    assert "tensorflow devices     CPU /physical_device:CPU:0\n" in answer.out
    assert answer.out.endswith(f"\n\nEverything is installed. Start with: {command('demo')}\n")
    record = report_of(run("doctor", "--json"))
    assert record["memory_bytes"] > 2**30
    assert (record["tensorflow_devices"], record["missing"]) == (None, [])
    assert (
        run("doctor", "--format", "csv").out
        == '"extra","package","versions","installed","install"\n'
    )


def test_what_is_missing_or_too_old_is_named_with_the_command(
    run: Run, installed: dict[str, str]
) -> None:
    del installed["c"], installed["d"]
    installed["a"] = "1.3"
    answer = run("doctor")
    assert answer.code == 1
    assert answer.out.endswith(
        "\n\nrequired: missing a >=1.22 (installed: 1.3), d; "
        f"install with: {install_command('')}\n"
        f"extra serve: missing c; install with: {install_command('serve')}\n"
    )
    table = list(csv.reader(run("doctor", "--format", "csv").out.splitlines()))
    assert [row[:4] for row in table[1:]] == [
        ["", "a", ">=1.22", "1.3"],
        ["", "d", "", ""],
        ["serve", "c", "", ""],
    ]
    installed |= {"a": "2", "d": "1"}
    assert run("doctor").code == 0


def test_tensorflow_for_gpus_is_a_package_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "requires", lambda _: ["tensorflow[and-cuda]>=2.21; extra == 'train-gpu'"]
    )
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    assert [each["package"] for each in missing()] == ["tensorflow[and-cuda]"]
    # Both in one environment overwrite each other.
    monkeypatch.setattr(doctor, "_version", {"tensorflow-cpu": "2.21.0"}.get)
    assert missing() == []
    monkeypatch.setattr(doctor, "_version", {"tensorflow": "2.22.0"}.get)
    assert missing() == []
