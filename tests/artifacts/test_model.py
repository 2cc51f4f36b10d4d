"""`Model`: whether its parts fit each other, in memory and on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from foretell.artifacts.directory import open_verified, read_model, write_model
from foretell.artifacts.model import check_model
from foretell.errors import ArtifactError
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey, Level
from tests.builders import rewrite_json


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
