"""Gates computed in NumPy lead to the very numbers that ONNX Runtime gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.artifacts.directory import read_model
from foretell.config import LabelsSettings
from foretell.errors import DataError, SettingsError
from foretell.runtime.gates import gates_along, layer_units
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

LINES = "the mind adapts\nthe obstacle to our acting ."
TEXT = "the mind adapts and converts 😀 to its own purposes"


@pytest.mark.parametrize("layer", [1, 2])
def test_a_language_models_states_are_onnx_runtimes(lstm: WordsRuntime, layer: int) -> None:
    found = gates_along(read_model(lstm.path), LINES, f"lstm_{layer}")
    end = lstm.tokenizer.end_of_line
    ids = [
        end,
        *lstm.tokenizer.encode("the mind adapts"),
        end,
        *lstm.tokenizer.encode(LINES.split("\n")[1]),
    ]
    _, state = lstm.network.read([i for i in ids if i is not None])
    h = state[2 * layer - 1]
    c = state[2 * layer]
    np.testing.assert_allclose(found.hidden[-1], h[0], atol=1e-5)
    np.testing.assert_allclose(found.cell[-1], c[0], atol=1e-5)
    assert [LINES[start:end] for start, end in found.spans] == [
        "the",
        "mind",
        "adapts",
        "",
        "the",
        "obstacle",
        "to",
        "our",
        "acting",
        ".",
    ]


def test_the_articles_windows_are_onnx_runtimes(article_words: WordsRuntime) -> None:
    model = read_model(article_words.path)
    text = "the mind adapts and converts"
    found = gates_along(model, text, "lstm_2")
    ids = np.array(article_words.tokenizer.encode(text))
    windows = np.stack([ids[i : i + 3] for i in range(3)])
    logits = found.hidden @ model.weights["dense/kernel"] + model.weights["dense/bias"]
    np.testing.assert_allclose(logits, article_words.network.advance(windows), atol=1e-4)
    assert [text[start:end] for start, end in found.spans] == ["adapts", "and", "converts"]


def test_a_classifiers_states_lead_to_its_probabilities(any_labels: LabelsRuntime) -> None:
    model = read_model(any_labels.path)
    found = {name: gates_along(model, TEXT, name) for name in layer_units(model.settings)}
    weights = model.weights
    if "lstm" in found:
        last = found["lstm"].hidden[-1]
        features = np.maximum(last @ weights["dense/kernel"] + weights["dense/bias"], 0)
    else:
        forward = found["lstm_forward"].hidden
        backward = found["lstm_backward"].hidden
        both = np.concatenate([forward, backward], axis=1)
        features = np.concatenate([both.max(0), both.mean(0), forward[-1], backward[0]])
    logit = (features @ weights["output/kernel"] + weights["output/bias"])[0]
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(
        any_labels.predict_proba([TEXT])[0, 1], abs=1e-5
    )


def test_each_step_is_made_of_its_gates_and_has_words_of_the_text(
    any_labels: LabelsRuntime,
) -> None:
    model = read_model(any_labels.path)
    assert isinstance(model.settings, LabelsSettings)
    for name in layer_units(model.settings):
        found = gates_along(model, TEXT, name)
        shown = [TEXT[start:end] for start, end in found.spans]
        assert shown[0].startswith("the")
        assert all(shown)
        assert len(shown) == len(found.cell)
        assert model.settings.network != "bilstm" or shown == TEXT.split()
        forwards = slice(None, None, -1 if found.backward else 1)
        arrays = {key: value for key, value in vars(found).items() if isinstance(value, np.ndarray)}
        gates = {key: value[forwards] for key, value in arrays.items()}
        cell = gates["cell"]
        made = gates["forget"][1:] * cell[:-1] + gates["input"][1:] * gates["candidate"][1:]
        np.testing.assert_allclose(cell[1:], made, atol=1e-12)
        np.testing.assert_allclose(gates["hidden"], gates["output"] * np.tanh(cell), atol=1e-12)
        assert len(gates_along(model, "mind " * 100, name).spans) <= model.settings.length
        nothing = gates_along(model, "", name)
        assert (nothing.spans, len(nothing.cell), nothing.most_active(3)) == ([], 0, [])


def test_what_cannot_be_shown_is_refused(lstm: WordsRuntime, article_words: WordsRuntime) -> None:
    with pytest.raises(SettingsError, match="lstm_1, lstm_2"):
        gates_along(read_model(lstm.path), TEXT, "dense")
    with pytest.raises(DataError, match="'nosuchword'"):
        gates_along(read_model(article_words.path), "the mind nosuchword adapts")


def test_unknown_words_are_read_as_unknown(labels_model: Any) -> None:
    runtime = labels_model(vocabulary=5)
    model = read_model(runtime.path)
    assert model.tokenizer.encode("converts") == [model.tokenizer.unknown]
    one, other = (gates_along(model, text) for text in ("converts", "zzz"))
    np.testing.assert_array_equal(one.cell, other.cell)
