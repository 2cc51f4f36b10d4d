"""The model card says what the model is, how to use it, its metrics and its limits."""

import math
import re

import numpy as np
import pytest
from artifacts.conftest import build
from hypothesis import given
from hypothesis import strategies as st

from foretell.artifacts.card import model_card
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.linear import LinearModel
from foretell.readable import UNSAFE


def test_every_card_has_its_parts(any_model):
    card = model_card(any_model, "my-model", "1.2.3")
    assert card.startswith("---\nlibrary_name: foretell\n")
    assert re.findall(r"^## (.*)$", card, re.M) == [
        "Usage",
        "Metrics",
        "Training",
        "Limits",
        "Files",
    ]
    assert f"{sum(w.size for w in any_model.weights.values()):,} weights" in card
    assert 'foretell.load("my-model")' in card
    assert "foretell 1.2.3" in card


@given(st.text(st.characters(categories=["Cc", "Cf", "Co"]), max_size=9))
def test_nothing_invisible_is_in_a_card(text):
    where = {"measured_on": f"texts {text}", "not_measured": f"none {text}"}
    metrics = {"teacher": {"name": text, "texts": 3}, "vectors": {"name": text}, **where}
    model = build("labels-bilstm", labels=[f"a{text}", "b"], metrics=metrics)
    assert not UNSAFE.search(model_card(model, f"m{text}", "1"))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (
            {"measured_on": "validation texts (valid.csv)"},
            "are calibrated on validation texts (valid.csv)",
        ),
        (
            {"measured_on": "out-of-fold predictions of 5 folds"},
            "are calibrated on out-of-fold predictions",
        ),
        ({"measured_on": "training texts, while training"}, "not calibrated: there were too few"),
        ({}, "not calibrated: there were too few"),
    ],
)
def test_the_members_and_their_calibration_are_described(make_model, where, says):
    linear = LinearModel(
        np.array([2, 3, 9]), np.ones((3, 1), np.float32), np.zeros(1, np.float32), size=5
    )
    ensemble = Ensemble(network=0.625, linear=1.5, offsets=(0.25, -0.25))
    # One that has learned from unlabelled texts too is another than the baseline.
    metrics = {"linear_accuracy": 0.92, "baseline_accuracy": 0.9, **where}
    model = make_model("labels-bilstm", linear=linear, ensemble=ensemble, metrics=metrics)
    card = " ".join(model_card(model, "m", "1").split())
    for part in ("3 n-grams of 1 to 3 words", says):
        assert part in card
    for row in (
        "Accuracy, linear models alone | 92.00 %",
        "Accuracy, n-gram linear model | 90.00 %",
    ):
        assert row in card
    assert "calibrat" not in model_card(make_model("labels-bilstm"), "m", "1").lower()


def test_metrics(make_model):
    metrics = {
        "accuracy": 0.875,
        "perplexity": math.inf,
        "valid_loss": 0.25,
        "note": "x",
        "steps": True,
    }
    card = model_card(make_model("labels-bilstm", metrics=metrics), "m", "1")
    assert "| Accuracy | 87.50 % |\n| Log loss (nats) | 0.2500 |\n\n" in card
    assert "None were recorded" in model_card(make_model("labels-bilstm", metrics={}), "m", "1")


@pytest.mark.parametrize("name", ["a`b", "x\n# heading", '"; import os', "<script>"])
def test_names_and_labels_cannot_break_the_page(make_model, name):
    card = model_card(make_model("labels-bilstm", labels=sorted([name, "z"])), name, "1")
    assert re.findall(r"^#+ .*$", card, re.M)[1:] == [
        *("## Usage", "## Metrics", "## Training", "## Limits", "## Files")
    ]
    assert "\n<script>" not in card
