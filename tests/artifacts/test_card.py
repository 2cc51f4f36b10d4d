"""The model card says what the model is, how to use it, its metrics and its limits."""

import math
import re

import numpy as np
import pytest

from foretell.artifacts.card import model_card
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.linear import LinearModel


def test_every_card_has_its_parts(any_model):
    card = model_card(any_model, "my-model", "1.2.3")
    assert card.startswith("---\nlibrary_name: foretell\n")
    assert re.findall(r"^## (.*)$", card, re.M) == ["Usage", "Metrics", "Training", "Limits", "Files"]
    assert f"{sum(w.size for w in any_model.weights.values()):,} weights" in card
    assert 'foretell.load("my-model")' in card
    assert "foretell 1.2.3" in card


def test_a_linear_model_in_the_classifier_is_described(make_model):
    metrics = {"accuracy": 0.93, "network_accuracy": 0.91, "baseline_accuracy": 0.9, "valid_texts": 2500}
    ensemble = Ensemble(network=0.625, linear=1.5, offsets=(0.25, -0.25))
    linear = LinearModel(np.array([2, 3, 9]), np.ones((3, 1), np.float32), np.zeros(1, np.float32), size=5)
    model = make_model("labels-bilstm", linear=linear, ensemble=ensemble, metrics=metrics)
    card = " ".join(model_card(model, "m", "1").split())
    assert "An n-gram linear model (3 n-grams of 1 to 3 words) is a part of it." in card
    assert (
        "network's (weight 0.62) and the linear model's (weight 1.50), with an offset for each label." in card
    )
    assert "calibrated on 2,500 validation texts" in card
    # One that has learned from unlabelled texts too is another than the baseline.
    model.metrics["linear_accuracy"] = 0.92
    card = model_card(model, "m", "1")
    assert "| Accuracy, linear models alone | 92.00 % |" in card
    assert "| Accuracy, n-gram linear model | 90.00 % |" in card


def test_without_valid_texts_the_card_claims_no_calibration(make_model):
    model = make_model(
        "labels-bilstm", ensemble=Ensemble(network=0.5, linear=0.5), metrics={"valid_texts": 0}
    )
    card = model_card(model, "m", "1")
    assert "not calibrated: there were no validation texts" in card
    assert "linear model" not in card.split("## Limits")[0]
    assert "calibrat" not in model_card(make_model("labels-bilstm"), "m", "1").lower()


def test_metrics(make_model):
    metrics = {"accuracy": 0.875, "perplexity": math.inf, "valid_loss": 0.25, "note": "x", "steps": True}
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
