"""The parts of a model fit each other: weights, their reference, tokenizer, labels."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts import reference
from foretell.artifacts.directory import open_verified, read_model, write_model
from foretell.artifacts.model import check_model
from foretell.artifacts.stored_tokenizer import stored_tokenizer
from foretell.config import LabelsSettings, WordsSettings
from foretell.errors import ArtifactError, SettingsError
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey, Level
from foretell.text.tokenizer import Tokenizer
from tests.builders import rewrite_json
from tests.text.texts import ALL


def kneser_ney(size: int) -> KneserNey:
    """A Kneser–Ney model of order 2 over ids below `size`."""
    levels = (
        Level(np.arange(3), np.full(3, 0.2, np.float32), np.array([0.4], np.float32)),
        Level(np.array([1]), np.array([0.5], np.float32), np.array([0.5, 1, 1], np.float32)),
    )
    return KneserNey(levels, size, 10)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ensemble": Ensemble(network=0.5, linear=0.5)}, "a weight for a linear model that is not there"),
        ({"ensemble": Ensemble(offsets=(1.0, 2.0, 3.0))}, "of \\[3\\] labels for 2"),
        ({"labels": ["good", "bad"]}, "expected two or more labels, sorted"),
        ({"job": "words", "labels": None}, "expected settings for words"),
    ],
)
def test_parts_of_a_classifier_that_do_not_fit_are_refused(make_model, changes, says, tmp_path: Path) -> None:
    model = make_model("labels-bilstm", **changes)
    with pytest.raises(ArtifactError, match=says):
        check_model(model)
    with pytest.raises(ArtifactError, match=says):
        write_model(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_parts_of_a_language_model_that_do_not_fit_are_refused(make_model) -> None:
    plain = make_model("words-1")
    size = plain.tokenizer.size
    check_model(
        dataclasses.replace(plain, kneser_ney=kneser_ney(size), interpolation=Interpolation((0.5, 0.25)))
    )
    # A Kneser–Ney model that is not used is no mistake.
    check_model(dataclasses.replace(plain, kneser_ney=kneser_ney(size + 1)))
    for changes, says in (
        ({"interpolation": Interpolation((0.5,))}, "a Kneser–Ney model that is not there"),
        (
            {"kneser_ney": kneser_ney(size + 1), "interpolation": Interpolation((0.5, 0.5))},
            f"a Kneser–Ney model of {size + 1} ids, a tokenizer of {size}",
        ),
        (
            {"kneser_ney": kneser_ney(size), "interpolation": Interpolation((0.5,))},
            "1 weights for contexts of 0 to 1 words",
        ),
        ({"labels": ["a", "b"]}, "expected no labels for words"),
    ):
        with pytest.raises(ArtifactError, match=says):
            check_model(dataclasses.replace(plain, **changes))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"temperature": 2.0}, "no finite numbers 'network'"),
        ({"network": 0.0, "linear": 0.0, "offsets": []}, "no weight above 0"),
        ({"network": 1.0, "linear": 0.0, "offsets": [1.0, 2.0, 3.0]}, "of \\[3\\] labels for 2"),
        ({"network": "much", "linear": 0.0, "offsets": []}, "no finite numbers"),
        ({"network": 0.5, "linear": 0.5, "offsets": []}, "a linear model that is not there"),
    ],
)
def test_ensemble_weights_on_disk_that_do_not_fit_are_refused(
    directory: Path, values: object, says: str
) -> None:
    rewrite_json(directory, "config.json", lambda config: config.update(ensemble=values))
    expected = r"config\.json: expected ensemble weights that fit this model, found .*"
    for reader in (open_verified, read_model):
        with pytest.raises(ArtifactError, match=expected + says):
            reader(directory)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "no finite numbers 'kneser_ney_weights'"),
        ("x", "no finite numbers 'kneser_ney_weights'"),
        ({"kneser_ney_weights": [2, 0]}, "from 0 to 1"),
        ({"kneser_ney_weights": [0.5]}, "1 weights for contexts of 0 to 1 words"),
    ],
)
def test_interpolation_weights_on_disk_that_do_not_fit_are_refused(
    make_model, tmp_path: Path, values: object, says: str
) -> None:
    plain = make_model("words-1")
    parts = {"kneser_ney": kneser_ney(plain.tokenizer.size), "interpolation": Interpolation((0.5, 0.25))}
    write_model(dataclasses.replace(plain, **parts), tmp_path / "model")
    assert open_verified(tmp_path / "model").interpolation == Interpolation((0.5, 0.25))
    rewrite_json(tmp_path / "model", "config.json", lambda config: config.update(interpolation=values))
    with pytest.raises(ArtifactError, match=rf"expected interpolation weights that fit this model.*{says}"):
        open_verified(tmp_path / "model")


def test_an_opened_model_has_a_directory_and_no_weights(model, directory: Path) -> None:
    opened = open_verified(directory)
    assert (opened.directory, opened.onnx_path) == (directory, directory / "model.onnx")
    with pytest.raises(ArtifactError, match="expected a model with its weights"):
        opened.require_weights()
    with pytest.raises(ArtifactError, match="expected a model with its weights"):
        write_model(opened, directory.parent / "copy")
    with pytest.raises(ArtifactError, match="found a model in memory"):
        _ = model.directory


def test_weights_of_another_shape(model, tmp_path):
    model.weights["output/bias"] = np.zeros(2, np.float32)
    with pytest.raises(
        ArtifactError, match=r"weight output/bias: expected float32 \[1\], found float32 \[2\]"
    ):
        write_model(model, tmp_path / "model")


def test_weights_of_another_type(model, tmp_path):
    model.weights["output/bias"] = np.zeros(1, np.float64)
    with pytest.raises(ArtifactError, match=r"found float64 \[1\]"):
        write_model(model, tmp_path / "model")


def test_weights_missing_and_unknown(model, tmp_path):
    model.weights["other"] = model.weights.pop("output/bias")
    with pytest.raises(ArtifactError, match="missing: output/bias; unknown: other"):
        write_model(model, tmp_path / "model")


def test_diverged_weights(model, tmp_path):
    model.weights["embedding"][3, 2] = np.nan
    with pytest.raises(ArtifactError, match=r"weight embedding: expected finite .* lower --learning-rate"):
        write_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_beyond_one_onnx_file_are_refused_before_training():
    from foretell.artifacts.weights import check_size

    with pytest.raises(
        SettingsError, match=r"vocabulary: expected weights of at most 2\.1 GB, found 4\.0 GB"
    ):
        check_size(LabelsSettings(embedding_size=1000), 1_000_000, 2)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_an_lstm_of_one_unit_is_the_equations():
    kernel, recurrent, bias = [0.3, -0.2, 0.5, 0.7], [0.1, 0.4, -0.6, 0.2], [0.05, 1.0, -0.1, 0.0]
    h, c, expected = 0.2, -0.3, []
    for x in (1.0, -2.0, 0.5):
        i, f, g, o = (x * k + h * r + b for k, r, b in zip(kernel, recurrent, bias, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
        h = sigmoid(o) * math.tanh(c)
        expected.append(h)
    outputs, last_h, last_c = reference.lstm(
        np.array([[[1.0], [-2.0], [0.5]]]),
        np.array([kernel]),
        np.array([recurrent]),
        np.array(bias),
        np.array([[0.2]]),
        np.array([[-0.3]]),
    )
    np.testing.assert_allclose(outputs[0, :, 0], expected)
    np.testing.assert_allclose([last_h[0, 0], last_c[0, 0]], [h, c])


def test_a_basic_lstm_cell_has_its_gates_in_another_order_and_one_more_in_its_forget_bias():
    # Two inputs, one unit; gates i, j, f, o.
    kernel = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    of_input, of_state, bias = reference.from_basic_lstm_cell(kernel, np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_array_equal(of_input, [[1, 3, 2, 4], [5, 7, 6, 8]])
    np.testing.assert_array_equal(of_state, [[9, 11, 10, 12]])
    np.testing.assert_allclose(bias, [0.1, 1.3, 0.2, 0.4])


def test_labels_get_probabilities_that_stay_finite(make_model):
    model = make_model("labels-bilstm", scale=50.0)
    ids = np.array([[2, 3, 4], [5, 0, 0]])
    inputs = {"ids": ids, "lengths": np.array([3, 1], np.int32)}
    found = reference.run(model.settings, model.weights, inputs)["probabilities"]
    assert found.shape == (2, 2)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


STYLES = ("words", "white-space", "subword", "char")


def written(style: Any) -> tuple[Tokenizer, WordsSettings]:
    tokenizer = Tokenizer.train([*ALL, *ALL], style, lowercase=True, vocabulary=400)
    return tokenizer, WordsSettings(tokens=style, lowercase=True)


@pytest.mark.parametrize("style", STYLES)
def test_what_was_written_is_read(style: str) -> None:
    tokenizer, settings = written(style)
    again = stored_tokenizer(tokenizer.to_json(), settings)
    assert (again.style, again.size) == (tokenizer.style, tokenizer.size)
    assert [again.encode(text) for text in ALL] == [tokenizer.encode(text) for text in ALL]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no bytes": lambda model: [model["vocab"].pop(f"<0x{i:02X}>") for i in range(256)],
    "bytes that are joined": lambda model: model["merges"].append(["<0xE4>", "<0xBD>"]),
    "a pair of no tokens": lambda model: model["merges"].append(["x", "no such token"]),
    "a pair of specials": lambda model: model["merges"].append(["<pad>", "<unk>"]),
    "three in a pair": lambda model: model["merges"].append(["a", "b", "c"]),
    "pairs that are numbers": lambda model: model.update(merges=[[1, 2]]),
    "no pairs": lambda model: model.update(merges=None),
    "no byte fallback": lambda model: model.update(byte_fallback=False),
    "dropout": lambda model: model.update(dropout=0.5),
    "a prefix": lambda model: model.update(continuing_subword_prefix="##"),
    "an id twice": lambda model: model["vocab"].update({"<0xFF>": 3}),
}


@pytest.mark.parametrize("style", ["subword", "char"])
@pytest.mark.parametrize("name", CHANGES)
def test_another_open_vocabulary_is_refused(style: str, name: str) -> None:
    tokenizer, settings = written(style)
    stored = json.loads(tokenizer.to_json())
    CHANGES[name](stored["model"])
    with pytest.raises((ValueError, TypeError)):
        stored_tokenizer(json.dumps(stored), settings)


def test_characters_are_not_joined() -> None:
    tokenizer, settings = written("char")
    stored = json.loads(tokenizer.to_json())
    stored["model"]["vocab"] = {
        token: i for i, token in enumerate([*list(stored["model"]["vocab"])[:3], "a", "b", "ab"])
    } | {f"<0x{i:02X}>": 6 + i for i in range(256)}
    assert stored_tokenizer(json.dumps(stored), settings).size == 6 + 256
    stored["model"]["merges"] = [["a", "b"]]
    with pytest.raises(ValueError, match="join"):
        stored_tokenizer(json.dumps(stored), settings)


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    of_words, words = written("words")
    of_characters, characters = written("char")
    with pytest.raises((ValueError, KeyError)):
        stored_tokenizer(of_words.to_json(), characters)
    with pytest.raises(ValueError, match="another"):
        stored_tokenizer(of_characters.to_json(), words)
