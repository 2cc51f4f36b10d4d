"""The report: whole, self-contained, and safe whatever the texts and metrics are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_pages import Page
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.training.curves import draw_curves
from foretell.training.report import remarks_on, report_of, write_report


def report(
    folder: Path, metrics: dict[str, Any], lines: Sequence[Any] = (), request: Any = None
) -> str:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "request.json").write_text(json.dumps(request or REQUEST))
    write_report(folder, metrics)
    return (folder / "report.html").read_text(encoding="utf-8")


def curve_points(html: str, series: str) -> list[list[str]]:
    found = re.findall(rf'<g class="{series}"><polyline class="curve" points="([^"]*)"', html)
    return [points.split() for points in found]


RELIABILITY = [
    {"low": 0.4, "high": 0.6, "texts": 30, "confidence": 0.55, "accuracy": 0.5},
    {"low": 0.6, "high": 0.8, "texts": 10, "confidence": 0.71, "accuracy": 0.8},
    {"low": 0.8, "high": 1.0, "texts": 60, "confidence": 0.95, "accuracy": 0.9667},
]
METRICS: dict[str, Any] = {
    "accuracy": 0.875,
    "macro_f1": 0.8712,
    "seconds": 154.2,
    "texts": 32,
    "calibration_error": 0.0081,
    "confusion": {"names": ["negative", "positive"], "counts": [[14, 2], [1, 15]]},
    "labels": {"negative": {"precision": 0.933, "recall": 0.875, "f1": 0.903, "support": 16}},
    "reliability": RELIABILITY,
    "coverage": [
        {"coverage": 1.0, "threshold": 0.5012, "accuracy": 0.875},
        {"coverage": 0.5, "threshold": 0.9321, "accuracy": 0.9875},
    ],
}
LINES = [
    {"step": 10, "epoch": 1, "loss": 0.7, "accuracy": 0.5},
    {
        "step": 20,
        "epoch": 1,
        "loss": 0.6,
        "accuracy": 0.7,
        "valid_loss": 0.65,
        "valid_accuracy": 0.6,
    },
    {"step": 30, "epoch": 2, "loss": 0.4, "accuracy": 0.9},
    {
        "step": 40,
        "epoch": 2,
        "loss": 0.3,
        "accuracy": 0.95,
        "valid_loss": 0.5,
        "valid_accuracy": 0.8,
    },
]
REQUEST = {
    "job": "labels",
    "preset": "base",
    "settings": {"seed": 7},
    "command_line": ["/x/foretell", "train", "a b"],
    "started": 1_700_000_000.0,
}


def test_it_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    html = report(tmp_path, METRICS, LINES, REQUEST)
    page = Page(html)
    shown = (
        "87.50 %",
        "0.8712",
        "2 min 34 s",
        "validation texts",
        "93.8 %",
        "0.933",
        "seed",
        "foretell train 'a b'",
        "0.81 %",
        "0.9321",
        "50.0 %",
        "98.75 %",
        ": 60 texts",
    )
    assert [text for text in shown if text not in page.text] == []
    assert [len(points) for points in curve_points(html, "train")] == [4, 4, 3]
    assert [len(points) for points in curve_points(html, "valid")] == [2, 2]
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not any(name.startswith("on") or name in {"style", "src", "href"} for name in names)
    assert not any(word in html for word in ("http://", "https://", "url("))
    page.check_policy()


def test_every_text_is_escaped(tmp_path: Path) -> None:
    folder = tmp_path / '<b onload=x>&"name.run'
    folder.mkdir()
    evil = "</p><script>alert(1)</script><img src=x onerror=a>&amp;"
    metrics = {
        evil: 1.0,
        "confusion": {"names": [evil, "b"], "counts": [[1, 0], [0, 1]]},
        "labels": {evil: {"precision": 1.0}},
        "measured_on": evil,
        "not_measured": evil,
    }
    texts = {"job": evil, "preset": evil, "settings": {evil: evil}, "command_line": [evil, evil]}
    page = Page(report(folder, metrics, LINES, {**REQUEST, **texts}))
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(evil) >= 7


def test_of_many_labels_the_most_confused_pairs_are_shown(tmp_path: Path) -> None:
    counts = [[5 if i == j else 0 for j in range(30)] for i in range(30)]
    counts[3][4] = 7
    metrics = {"confusion": {"names": [f"label{i}" for i in range(30)], "counts": counts}}
    text = Page(report(tmp_path, metrics)).text
    assert "label3 → label4" in text
    assert "label5 → label6" not in text
    counts[3][4] = 0
    assert "confusions" not in Page(report(tmp_path, metrics)).text


def test_a_label_without_texts_has_no_metrics(tmp_path: Path) -> None:
    zero = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    metrics = {"labels": {"never": {**zero, "support": 0}, "wrong": {**zero, "support": 3}}}
    text = Page(report(tmp_path, metrics)).text
    assert re.search(r"never\s*–\s*–\s*–\s*0\s*wrong\s*0\.000", text)


@pytest.mark.parametrize("value", [float("nan"), 10**400, True, None, "x", [1], {}])
def test_an_odd_value_in_any_place_does_not_stop_the_report(tmp_path: Path, value: Any) -> None:
    """As a model directory of somebody else may have it."""
    metrics = dict.fromkeys((*METRICS, "other"), value)
    Page(report_of(tmp_path, metrics).html)
    metrics["labels"] = {"a": {"precision": value, "support": value}}
    metrics["reliability"] = [value, dict.fromkeys(RELIABILITY[0], value), *RELIABILITY]
    metrics["coverage"] = [value, dict.fromkeys(METRICS["coverage"][0], value)]
    metrics["confusion"] = {"names": value, "counts": [value]}
    Page(report_of(tmp_path, metrics).html)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"step": st.integers(0, 10**9)},
            optional={"loss": st.floats(), "valid_loss": st.floats(), "accuracy": st.floats(0, 1)},
        ),
        max_size=12,
    )
)
def test_any_metrics_give_a_whole_page_inside_the_chart(lines: list[dict[str, Any]]) -> None:
    html = draw_curves(sorted(lines, key=lambda line: line["step"]))
    Page(html)
    for points in (*curve_points(html, "train"), *curve_points(html, "valid")):
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= 560
            assert 0 <= y <= 300


def test_training_and_validation_are_two_named_curves() -> None:
    lines = [{"step": step, "loss": 1 / step, "valid_loss": 2 / step} for step in range(1, 5_000)]
    html = draw_curves(lines)
    assert len(html) < 20_000
    assert re.findall(r'<g class="(\w+)"><polyline', html) == ["train", "valid"]
    assert re.findall(r'<b class="(\w+)">(\w+) ', html) == [
        ("train", "training"),
        ("valid", "validation"),
    ]
    (first, *_), (second, *_) = (curve_points(html, css)[0] for css in ("train", "valid"))
    # A higher loss is drawn higher, where y is smaller.
    assert float(second.split(",")[1]) < float(first.split(",")[1])
    assert "nothing to draw" in draw_curves([{"step": 1, "loss": float("nan")}])


def test_no_axis_of_an_accuracy_goes_beyond_100_percent() -> None:
    for values in ([0.5, 0.97], [1.0, 1.0], [0.0, 0.0], [0.91, 1.0]):
        html = draw_curves([{"step": i, "accuracy": value} for i, value in enumerate(values)])
        shown = [float(each) for each in re.findall(r'text-anchor="end">([-\d.]+) %', html)]
        assert 0 <= min(shown) < max(shown) <= 100


def test_remarks_say_how_far_metrics_can_be_trusted_and_where_a_baseline_is_better() -> None:
    assert remarks_on({"accuracy": 0.6, "baseline_accuracy": 0.5, "caution": "x"}) == ["X."]
    # Of so few texts chance gives this difference.
    assert remarks_on({"accuracy": 0.5, "baseline_accuracy": 0.6, "texts": 20}) == []
    (remark,) = remarks_on({"accuracy": 0.5, "baseline_accuracy": 0.6, "texts": 200})
    assert remark.startswith(
        "The n-gram linear model alone is more accurate here (60.00 % against 50.00 %)"
    )
    (remark,) = remarks_on({"valid_perplexity": 120.0, "baseline_perplexity": 101.5})
    assert remark.startswith(
        "The Kneser–Ney model alone has a lower perplexity here (101.5 against 120.0)"
    )


def test_an_accuracy_that_needs_no_model_has_a_warning() -> None:
    def labels(many: int) -> dict[str, object]:
        return {"labels": {"ham": {"support": many}, "spam": {"support": 100 - many}}}

    assert remarks_on(labels(80)) == []
    (remark,) = remarks_on(labels(97))
    assert "97.00 % of the texts have the label 'ham'" in remark


def test_random_answers_are_called_no_better_than_one_label() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        n_labels = int(rng.integers(2, 9))
        n = int(rng.integers(60, 600))
        true = rng.integers(0, n_labels, n)
        labels = {str(name): {"support": int((true == name).sum())} for name in range(n_labels)}
        right = float((rng.integers(0, n_labels, n) == true).mean())
        found.append(
            "not higher by more than chance"
            in "".join(remarks_on({"accuracy": right, "labels": labels}))
        )
        assert not remarks_on({"accuracy": min(right + 0.4, 1.0), "labels": labels})
    assert np.mean(found) > 0.95
