"""Benchmarks that lack something end with one line before anything runs."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import __main__ as bench_main
from bench import language_model, peers, requirements
from bench.requirements import BENCHMARKS, archive, data_folder, require


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that are taken to be missing."""
    names: set[str] = set()
    monkeypatch.setattr(requirements, "find_spec", lambda name: None if name in names else find_spec(name))
    return names


def test_all_that_is_missing_stands_in_one_line(
    missing: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing |= {"keras", "numpy"}
    (tmp_path / "here.zip").touch()
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        require(["keras", "scipy", "numpy", "keras"], ["here.zip", "ptb.zip"])
    line = str(caught.value)
    assert "missing: keras, numpy, ptb.zip;" in line
    assert "make bench" in line
    assert "FORETELL_DATA" in line
    assert "\n" not in line
    assert archive("here.zip") == tmp_path / "here.zip"


def test_nothing_is_said_where_all_is_there() -> None:
    require(["numpy"], [])


def test_the_shared_data_is_used_without_foretell_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert data_folder() is None
    with pytest.raises(SystemExit, match=r"ptb\.zip"):
        archive("ptb.zip")
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert data_folder() == tmp_path / "shared" / "data"


@pytest.mark.parametrize("name", ["peers", "language_model"])
def test_a_missing_peer_ends_everything_before_the_first_benchmark(
    name: str, missing: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing |= {"torch", "fasttext"}
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a benchmark was started"))
    with pytest.raises(SystemExit, match=r"missing: (fasttext, )?torch;"):
        bench_main.main(["predict", name])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("module", [peers, language_model])
def test_a_benchmark_alone_checks_for_its_peers_first(
    module: object, missing: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.add("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench"])
    monkeypatch.setattr("bench.commands.execute", lambda *_: pytest.fail("a process was started"))
    if find_spec("fasttext") is None:
        missing.add("fasttext")
    with pytest.raises(SystemExit, match="torch;"):
        module.main()  # type: ignore[attr-defined]


def test_each_benchmark_is_a_module_and_runs_in_its_own_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in BENCHMARKS:
        assert find_spec(f"bench.{name}") is not None
    commands = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        assert not check
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, returncode=int(command[-1] == "bench.serve"))

    monkeypatch.setattr(subprocess, "run", run)
    assert bench_main.main(["serve", "predict"]) == 1
    assert commands == [["-m", "bench.serve"], ["-m", "bench.predict"]]
    assert "failed: serve" in capsys.readouterr().err
    assert bench_main.main(["predict", "--repeats", "1"]) == 0
    assert commands[-1] == ["-m", "bench.predict", "--repeats", "1"]


def test_a_benchmark_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_main.main(["predict", "nothing"]) == 2
    assert "found nothing" in capsys.readouterr().err
