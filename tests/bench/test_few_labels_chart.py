"""The chart of few labels."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from bench.few_labels_chart import bars, means


def row(name: str, size: str, **systems: list[float]) -> dict[str, Any]:
    draws = {system: [{"accuracy": each} for each in found] for system, found in systems.items()}
    return {"cells": [name, size], "figures": {"draws": draws}}


def test_a_bar_is_the_mean_of_the_sets_that_all_have() -> None:
    rows_of_runs = [
        row("TREC", "300", foretell=[0.1]),
        row("TREC", "300", foretell=[0.7, 0.8], fastText=[0.6], odd=[0.9]),
        row("MR", "300", foretell=[0.65], fastText=[0.8], odd=[]),
        row("MR", "100", foretell=[0.0], fastText=[0.0]),
    ]
    found = means(rows_of_runs, "300", ["TREC", "MR"])
    assert found == {"foretell": 0.7, "fastText": 0.7}
    svg = ET.fromstring(bars(found, "300"))
    rows = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert [each.get("class") for each in rows] == ["ours", "theirs"]
    assert len({each.get("width") for each in rows}) == 1
    assert "70.0%" in [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
