"""The parts of a model fit each other, in memory and on disk: labels, weights, ensemble, tokens."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.directory import read_model, write_model
from foretell.artifacts.model import check_model
from foretell.artifacts.weights import check_size
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError, SettingsError
from foretell.ngrams.ensemble import Ensemble, LabelwiseEnsemble
from foretell.ngrams.kneser_ney import Interpolation
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import random_linear_model, rewrite_json
from tests.encoders import kept_teacher

LABELS = ["ux", "bug", "billing"]
LABELWISE = LabelwiseEnsemble(
    network=(0.5, 1.0, 0.2),
    linear=(1.0, 0.3, 0.7),
    offsets=(0.1, -0.2, 0.0),
    thresholds=(0.5, 0.4, 0.6),
)


def small_linear(n_columns: int) -> Any:
    return random_linear_model(size=20, n_columns=n_columns)


@pytest.fixture
def several(make_model) -> Any:
    """A classifier whose texts may have several labels."""
    parts = {"linear": small_linear(3), "ensemble": LABELWISE}
    return dataclasses.replace(make_model("several"), **parts)


MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("labels-bilstm", {"labels": []}, "two or more labels, sorted"),
    ("labels-bilstm", {"labels": ["one"]}, "two or more labels, sorted"),
    ("labels-bilstm", {"labels": ["good", "bad"]}, "two or more labels, sorted"),
    (
        "words-1",
        {"job": "labels", "labels": ["a", "b"]},
        "settings for labels, found WordsSettings",
    ),
    ("words-1", {"labels": ["a", "b"]}, "expected no labels for words"),
    ("words-1", {"interpolation": Interpolation((0.5,))}, "a Kneser–Ney model that is not there"),
    (
        "labels-bilstm",
        {"ensemble": Ensemble(linear=0.5)},
        "a weight for a linear model that is not there",
    ),
    ("labels-bilstm", {"ensemble": Ensemble(network=0.0)}, "no weight above 0"),
    ("labels-bilstm", {"ensemble": Ensemble(offsets=(1.0, 2.0, 3.0))}, r"of \[3\] labels for 2"),
    ("labels-bilstm", {"linear": small_linear(1), "ensemble": LABELWISE}, "one label per text"),
    ("labels-bilstm", {"linear": small_linear(2)}, "a linear model of 2 columns for 2 labels"),
    (
        "labels-bilstm",
        {"linear": small_linear(1), "teacher": kept_teacher(2)},
        "2 columns for 2 labels",
    ),
    ("several", {"ensemble": Ensemble()}, "weights for each label of a model with one label"),
]


@pytest.mark.parametrize(("name", "changes", "says"), MISFITS)
def test_parts_that_do_not_fit_are_not_written(make_model, tmp_path, name, changes, says) -> None:
    with pytest.raises(ArtifactError, match=says):
        write_model(dataclasses.replace(make_model(name), **changes), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_kneser_ney_model_that_does_not_fit(make_model, kneser_ney) -> None:
    plain = make_model("words-1")
    size = plain.tokenizer.size
    two = Interpolation((0.5, 0.25))
    check_model(dataclasses.replace(plain, kneser_ney=kneser_ney(size), interpolation=two))
    # One that is not used is no mistake.
    check_model(dataclasses.replace(plain, kneser_ney=kneser_ney(size + 1)))
    for changes, says in (
        (
            {"kneser_ney": kneser_ney(size + 1), "interpolation": two},
            f"of {size + 1} ids, a tokenizer",
        ),
        (
            {"kneser_ney": kneser_ney(size), "interpolation": Interpolation((0.5,))},
            "1 weights for contexts",
        ),
    ):
        with pytest.raises(ArtifactError, match=says):
            check_model(dataclasses.replace(plain, **changes))


Changes = dict[str, Callable[[dict[str, Any]], object]]


def ensemble(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["ensemble"].update(values)


OF_WORDS: Changes = {
    "no weights": lambda c: c.update(interpolation={}),
    "weights out of range": lambda c: c.update(interpolation={"kneser_ney_weights": [2, 0]}),
    "a cache that is a list": lambda c: c.update(cache=[1]),
    "another kind of tokens": lambda c: c["settings"].update(tokens="words"),
}
OF_SEVERAL_LABELS: Changes = {
    "no thresholds": lambda c: c["ensemble"].pop("thresholds"),
    "a threshold of 0": ensemble(thresholds=[0.5, 0.0, 0.5]),
    "a threshold that is true": ensemble(thresholds=[True, 0.5, 0.5]),
    "infinity": ensemble(offsets=[1e999, 0.0, 0.0]),
    "huge weights": ensemble(network=[1e300, 1.0, 1.0]),
    "no members": ensemble(network=[], linear=[]),
    "the ensemble of one label": lambda c: c.update(ensemble=Ensemble().to_dict()),
    "one label for each text": lambda c: c["settings"].update(multi_label=""),
    "a separator of letters": lambda c: c["settings"].update(multi_label="ab"),
}
OF_TOKENS: Changes = {
    "no bytes": lambda t: [t["model"]["vocab"].pop(f"<0x{i:02X}>") for i in range(256)],
    "bytes that are joined": lambda t: t["model"]["merges"].append(["<0xE4>", "<0xBD>"]),
    "a pair of no tokens": lambda t: t["model"]["merges"].append(["x", "no such token"]),
    "pairs that are numbers": lambda t: t["model"].update(merges=[[1, 2]]),
    "no pairs": lambda t: t["model"].update(merges=None),
    "no byte fallback": lambda t: t["model"].update(byte_fallback=False),
    "an id twice": lambda t: t["model"]["vocab"].update({"<0xFF>": 3}),
}


@pytest.mark.parametrize(
    ("name", "file", "changes"),
    [
        ("words-1", "config.json", OF_WORDS),
        ("several", "config.json", OF_SEVERAL_LABELS),
        ("words-1", "tokenizer.json", OF_TOKENS),
        ("words-3-projected", "tokenizer.json", OF_TOKENS),
    ],
)
def test_what_does_not_fit_on_disk_is_refused(
    make_model, kneser_ney, several, tmp_path, name, file, changes
) -> None:
    plain = several if name == "several" else make_model(name)
    if name == "words-1":
        parts = {
            "kneser_ney": kneser_ney(plain.tokenizer.size),
            "interpolation": Interpolation((0.5, 0.25)),
        }
        plain = dataclasses.replace(plain, **parts)
    write_model(plain, tmp_path / "model")
    read_model(tmp_path / "model")
    for i, change in enumerate(changes.values()):
        copy = Path(shutil.copytree(tmp_path / "model", tmp_path / str(i)))
        rewrite_json(copy, file, change)
        with pytest.raises(ArtifactError, match=r"\.json|model\.safetensors|labels") as raised:
            read_model(copy)
        assert "\n" not in str(raised.value)


def test_several_labels_come_back_in_the_order_that_they_were_given_in(several, tmp_path) -> None:
    write_model(several, tmp_path / "model")
    again = read_model(tmp_path / "model")
    assert (again.ensemble, again.labels) == (LABELWISE, LABELS)
    runtime = LabelsRuntime(tmp_path / "model")
    (row,) = runtime.predict_proba(["the mind"])
    (verdict,) = runtime.classify(["the mind"])
    assert list(verdict.probabilities.values()) == row.tolist()
    assert verdict.labels == tuple(
        name
        for name, p, t in zip(LABELS, row, LABELWISE.thresholds, strict=True)
        if p >= np.float32(t)
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"output/bias": np.zeros(2, np.float32)},
            r"bias: expected float32 \[1\], found float32 \[2\]",
        ),
        ({"output/bias": np.zeros(1)}, r"found float64 \[1\]"),
        ({"output/bias": None, "other": np.zeros(1)}, "missing: output/bias; unknown: other"),
        (
            {"output/bias": np.full(1, np.nan, np.float32)},
            "expected finite .* lower --learning-rate",
        ),
    ],
)
def test_weights_of_another_network_are_not_written(model, tmp_path, changes, says) -> None:
    weights = {
        name: value for name, value in (model.weights | changes).items() if value is not None
    }
    with pytest.raises(ArtifactError, match=says):
        write_model(dataclasses.replace(model, weights=weights), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_beyond_one_onnx_file_are_refused_before_training() -> None:
    with pytest.raises(
        SettingsError, match=r"vocabulary: expected weights of at most 2\.1 GB, found 4\.0"
    ):
        check_size(LabelsSettings(embedding_size=1000), 1_000_000, 2)
