"""Processes that are measured, tables, and benchmarks that lack something."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import __main__ as bench_main
from bench import harness, language_model, peers
from bench.__main__ import BENCHMARKS
from bench.harness import Results, archive, require, run

PYTHON = [sys.executable, "-c"]


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that are taken to be missing."""
    names: set[str] = set()
    monkeypatch.setattr(harness, "find_spec", lambda name: None if name in names else find_spec(name))
    return names


def test_a_command_has_its_output_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "b")
    done = run([*PYTHON, "import os, time; time.sleep(0.1); print(os.environ['A'])"])
    assert done.stdout == "b\n"
    assert done.seconds > 0.1


def test_a_command_that_fails_is_an_error_with_what_it_printed() -> None:
    with pytest.raises(RuntimeError, match=r"failed with 3: (?s:.*)no such thing"):
        run([*PYTHON, "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])


def test_a_row_is_shown_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Results("table", ["what", "median"])
    results.add("one", "1.0 ms", median=0.001)
    results.add("two", "2.0 ms", median=0.002)
    lines = capsys.readouterr().out.splitlines()
    assert "cores" in lines[1]
    assert lines[3:] == ["| what | median |", "| --- | --- |", "| one | 1.0 ms |", "| two | 2.0 ms |"]
    kept = [json.loads(line) for line in Path("out/bench/table.jsonl").read_text().splitlines()]
    assert [row["values"] for row in kept] == [{"median": 0.001}, {"median": 0.002}]
    assert all("numpy" in row["machine"]["versions"] for row in kept)
    with pytest.raises(ValueError, match="expected 2 cells, found 1"):
        results.add("one")


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
    assert "\n" not in line
    assert archive("here.zip") == tmp_path / "here.zip"


def test_a_missing_peer_ends_everything_before_anything_runs(
    missing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing |= {"torch", "fasttext"}
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    monkeypatch.setattr(sys, "argv", ["bench"])
    for start in (lambda: bench_main.main(["predict", "peers"]), peers.main, language_model.main):
        with pytest.raises(SystemExit, match=r"missing: (fasttext, )?torch;"):
            start()


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
    assert bench_main.main(["predict", "nothing"]) == 2
    assert "found nothing" in capsys.readouterr().err
