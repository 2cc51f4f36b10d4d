"""The report: plots that are well-formed SVG, and texts of the user's that cannot become HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from foretell.tuning.choosing import Chosen
from foretell.tuning.objective import OBJECTIVES, objective
from foretell.tuning.page import to_page
from foretell.tuning.plots import draw_history, draw_importance, draw_latency
from foretell.tuning.result import Tuned
from foretell.tuning.trials import TrialRecord


def trial(number: int, value: float, ms: float | None = None) -> TrialRecord:
    changes = {"units": 32 * number} if number else {}
    return TrialRecord(number=number, state="complete", value=value, changes=changes, size_mb=1.0, ms=ms)


TRIALS = (
    trial(0, 0.5, 1.0),
    TrialRecord(number=1, state="failed", changes={"units": 1}, error="expected <b>, found &"),
    trial(2, 0.7, 2.5),
    TrialRecord(number=3, state="pruned", changes={"dropout": 0.5}),
    trial(4, 0.6),
)


def svg(html: str) -> ET.Element:
    (found,) = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    return ET.fromstring(found)


@pytest.mark.parametrize("metric", OBJECTIVES)
def test_the_history_has_a_point_for_each_complete_trial(metric: str) -> None:
    drawn = svg(draw_history(TRIALS, objective(metric)))
    assert len(drawn.findall(".//circle")) == 3
    assert len(drawn.findall("./g[@class='valid']")) == 1
    for circle in drawn.findall(".//circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 560
        assert 0 <= float(circle.attrib["cy"]) <= 300


def test_the_line_of_the_history_never_gets_worse() -> None:
    line = svg(draw_history(TRIALS, objective("accuracy"))).find(".//polyline")
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    # Up is towards 0.
    assert heights == sorted(heights, reverse=True)


def test_one_trial_and_equal_values_can_be_drawn() -> None:
    assert svg(draw_history([trial(0, 0.5)], objective("accuracy"))) is not None
    assert svg(draw_history([trial(0, 0.5), trial(1, 0.5)], objective("log_loss"))) is not None


def test_the_latency_plot_has_what_was_measured_and_names_the_chosen_trial() -> None:
    drawn = svg(draw_latency(TRIALS, objective("accuracy"), 2))
    named = {text.text: text.attrib for text in drawn.findall("./text")}
    assert named["2 (chosen)"]["text-anchor"] == "end"
    assert "0" in named
    assert "4" not in named
    assert "Macro F1 against latency" in draw_latency(TRIALS, objective("macro_f1"), 2)
    assert draw_latency([trial(0, 0.5)], objective("accuracy"), 0) == ""


def test_the_most_important_setting_comes_first() -> None:
    html = draw_importance({"units": 0.2, "learning_rate": 0.8})
    assert html.index("learning rate") < html.index("units")
    assert svg(html) is not None
    assert draw_importance({}) == ""


def test_the_page_escapes_what_comes_from_the_user() -> None:
    chosen = Chosen(
        trial=TRIALS[2], best=TRIALS[2], preset=TRIALS[0], gain=0.2, noise=0.1, reason="<i>better"
    )
    result = Tuned(
        job="labels", objective=objective("macro_f1"), preset="base", data="<script>x</script>.csv",
        out=Path("out"), trials=TRIALS, chosen=chosen, importance={}, command="foretell '<a>'", seconds=1,
    )  # fmt: skip
    page = to_page(result)
    assert "<script" not in page
    assert "&lt;i&gt;better" in page
    assert "expected &lt;b&gt;, found &amp;" in page
    assert "trials: 3 complete, 1 pruned, 1 failed" in page
    worst = replace(result, chosen=replace(chosen, trial=TRIALS[0], preset=None))
    assert "macro F1, preset" not in to_page(worst)
