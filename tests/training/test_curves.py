"""The charts as SVG: points inside the chart, the scale, the interval."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.metrics import reliability_bins
from foretell.metrics.shown import number
from foretell.training.curves import _interval, draw_curves, draw_reliability


def test_training_and_validation_are_two_named_curves() -> None:
    lines = [{"step": step, "loss": 1 / step, "valid_loss": 2 / step} for step in (1, 2, 4)]
    html = draw_curves(lines)
    assert re.findall(r'<g class="(\w+)"><polyline', html) == ["train", "valid"]
    assert ">training</text>" in html
    assert ">validation</text>" in html
    assert "at the end: training 0.25, validation 0.5" in html
    (first, *_), (second, *_) = (
        points.split() for points in re.findall(r'<polyline class="curve" points="([^"]*)"', html)
    )
    # A higher loss is drawn higher, where y is smaller.
    assert float(second.split(",")[1]) < float(first.split(",")[1])


def test_without_metrics_there_is_a_sentence() -> None:
    assert "nothing to draw" in draw_curves([{"step": 1, "loss": float("nan")}])
    assert "<svg" not in draw_curves([])


@pytest.mark.parametrize(
    ("share", "n", "interval"),
    [(0.8, 10, (0.490, 0.943)), (0.0, 10, (0.0, 0.278)), (0.5, 100, (0.404, 0.596))],
)
def test_the_interval_is_that_of_wilson(share: float, n: int, interval: tuple[float, float]) -> None:
    assert _interval(share, n) == pytest.approx(interval, abs=6e-4)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1, 1.0), (0.5, 0.5), (True, None), (float("nan"), None), (1e31, None), ("1", None), (None, None)],
)
def test_what_can_be_drawn_is_a_finite_number(value: object, shown: float | None) -> None:
    assert number(value) == shown


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 10_000))
def test_the_reliability_of_any_answers_is_drawn_inside_the_chart(n_labels: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(1 / n_labels, 1, n).astype(np.float32)
    html = draw_reliability(reliability_bins(confidence, rng.random(n) < 0.7))
    for x in re.findall(r' (?:x|x1|x2|cx)="([^"]+)"', html):
        assert 0 <= float(x) <= 560
    for y in re.findall(r' (?:y|y1|y2|cy)="([^"]+)"', html):
        assert 0 <= float(y) <= 390


def test_no_axis_of_an_accuracy_goes_beyond_100_percent() -> None:
    for values in ([0.5, 0.97], [1.0, 1.0], [0.0, 0.0], [0.91, 1.0]):
        html = draw_curves([{"step": i, "accuracy": value} for i, value in enumerate(values)])
        shown = [float(each) for each in re.findall(r'text-anchor="end">([-\d.]+) %', html)]
        assert 0 <= min(shown) < max(shown) <= 100
