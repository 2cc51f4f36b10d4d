"""The model card says what the model is, how to use it, its figures and its limits."""

import math
import re

import numpy as np
import pytest

from foretell.artifacts.model_card import model_card
from foretell.config import LABELS_PRESETS


def test_every_card_has_its_parts(any_model):
    card = model_card(any_model, "my-model", "1.2.3")
    assert card.startswith("---\nlibrary_name: foretell\n")
    assert re.findall(r"^## (.*)$", card, re.M) == ["Use it", "Figures", "How it was made", "Limits", "Files"]
    assert f"{sum(w.size for w in any_model.weights.values()):,} weights" in card
    assert 'foretell.load("my-model")' in card
    assert "foretell 1.2.3" in card


def test_labels_card(make_model):
    card = model_card(make_model("labels-bilstm-3"), "m", "1")
    assert "one of 3 labels, `bad`, `good`, `mixed`" in card
    assert 'foretell classify m "a text"' in card
    assert "the last\n  30 words" in card
    assert f"`units`: 7 (preset: {LABELS_PRESETS['base'].units})" in card


def test_words_card(make_model):
    card = model_card(make_model("words-article"), "my model", "1")
    assert "2 stacked LSTM layers of 9 units over 3 words" in card
    assert "foretell next 'my model'" in card
    assert "so is this model" in card


def test_figures(make_model):
    metrics = {
        "accuracy": np.float32(0.875),
        "perplexity": math.inf,
        "valid_loss": 0.25,
        "note": "x",
        "steps": True,
    }
    card = model_card(make_model("labels-bilstm", metrics=metrics), "m", "1")
    assert "| Accuracy | 87.50% |" in card
    assert "| Loss, held out (nats) | 0.2500 |" in card
    assert "Perplexity" not in card
    assert "steps" not in card.lower().split("## limits")[0].split("## figures")[1].split("## how")[0]
    assert "None were recorded" in model_card(make_model("labels-bilstm", metrics={}), "m", "1")


@pytest.mark.parametrize("name", ["a`b", "x\n# heading", '"; import os', "<script>"])
def test_names_and_labels_cannot_break_the_page(make_model, name):
    card = model_card(make_model("labels-bilstm", labels=sorted([name, "z"])), name, "1")
    assert re.findall(r"^#+ .*$", card, re.M)[1:] == [
        *("## Use it", "## Figures", "## How it was made", "## Limits", "## Files")
    ]
    assert "\n<script>" not in card


def test_many_labels_are_cut(make_model):
    labels = [f"l{i:03}" for i in range(150)]
    assert "and 130 more" in model_card(make_model("labels-bilstm", labels=labels), "m", "1")
