"""Tables on standard output and in JSON Lines, and the chart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.chart import Point, scatter
from bench.record import Results, mean_and_range


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
    assert [row["cells"] for row in kept] == [["one", "1.0 ms"], ["two", "2.0 ms"]]
    assert [row["figures"] for row in kept] == [{"median": 0.001}, {"median": 0.002}]
    assert all("numpy" in row["machine"]["versions"] for row in kept)


def test_a_row_with_a_cell_too_few_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="expected 2 cells, found 1"):
        Results("table", ["what", "median"]).add("one")


def test_mean_and_range() -> None:
    assert mean_and_range([], ".1%") == ""
    assert mean_and_range([0.5], ".1%") == "50.0%"
    assert mean_and_range([0.9, 0.8, 1.0], ".1%") == "90.0% (80.0% to 100.0%)"
    assert mean_and_range([10.2, 12.2], ".0f") == "11 (10 to 12)"


def test_the_chart_has_each_point_at_its_place_and_its_name_apart() -> None:
    points = [
        Point("slow & good", 1000, 0.93, True),
        Point("fast", 10, 0.90, False),
        Point("as fast", 10.5, 0.90, False),
    ]
    svg = scatter(points)
    circles = {kind: (float(x), float(y)) for kind, x, y in re.findall(r'"(\w+)" cx="(.+?)" cy="(.+?)"', svg)}
    assert circles["ours"][0] > circles["theirs"][0]
    assert circles["ours"][1] < circles["theirs"][1]
    names = dict(re.findall(r'y="([\d.]+)">([a-z][^<]*)</text>', svg))
    assert sorted(names.values()) == ["as fast", "fast", "slow &amp; good"]
    low, high = sorted(float(y) for y, name in names.items() if name.endswith("fast"))
    assert high - low >= 15
