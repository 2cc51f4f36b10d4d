"""Processes that are measured, tables, and benchmarks that lack something."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import __main__ as bench_main
from bench import harness, language_model, peers
from bench.__main__ import BENCHMARKS
from bench.harness import Results
from bench.results import read


def test_a_row_is_shown_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Results("table", ["what", "median"], seeds=(1, 2))
    results.add("one", "1.0 ms", median=0.001)
    results.add("two", "2.0 ms", median=0.002)
    lines = capsys.readouterr().out.splitlines()
    assert "cores" in lines[1]
    assert lines[3:] == [
        "| what | median |",
        "| --- | --- |",
        "| one | 1.0 ms |",
        "| two | 2.0 ms |",
    ]
    kept = read(Path("out/bench/table.json"))
    assert [row.values for row in kept.rows] == [{"median": 0.001}, {"median": 0.002}]
    assert "numpy" in kept.machine
    assert kept.seeds == [1, 2]
    with pytest.raises(ValueError, match="expected 2 cells, found 1"):
        results.add("one")


def test_a_missing_peer_ends_everything_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = {"torch", "fasttext"}
    monkeypatch.setattr(
        harness, "find_spec", lambda name: None if name in missing else find_spec(name)
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    monkeypatch.setattr(sys, "argv", ["bench"])
    for start in (lambda: bench_main.main(["predict", "peers"]), peers.main, language_model.main):
        with pytest.raises(SystemExit, match=r"missing: (fasttext, )?torch;"):
            start()


def test_each_benchmark_is_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(find_spec(f"bench.{name}") is not None for name in BENCHMARKS)
    assert bench_main.main(["predict", "nothing"]) == 2
    assert "found nothing" in capsys.readouterr().err
