"""Model directories whose texts may have several labels: read back equal, refused where wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.directory import open_verified, read_model
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import TEXT, random_linear_model, random_model, rewrite_json, tokenizer_of, write_random

SETTINGS = LabelsSettings(embedding_size=6, units=5, length=30, multi_label=";")
LABELS = ["ux", "bug", "billing"]
ENSEMBLE = LabelwiseEnsemble(
    network=(0.5, 1.0, 0.2), linear=(1.0, 0.3, 0.7), offsets=(0.1, -0.2, 0.0), thresholds=(0.5, 0.4, 0.6)
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    linear = random_linear_model(tokenizer_of(SETTINGS, TEXT).size, 3)
    path = tmp_path_factory.mktemp("several") / "model"
    return write_random(path, SETTINGS, LABELS, linear=linear, ensemble=ENSEMBLE)


def test_it_is_read_back_equal(written: Path) -> None:
    for model in (open_verified(written), read_model(written)):
        assert model.ensemble == ENSEMBLE
        # In the order that they were given in.
        assert model.labels == LABELS
    runtime = LabelsRuntime.open(written)
    (verdict,) = runtime.classify(["the mind adapts"])
    (row,) = runtime.predict_proba(["the mind adapts"])
    assert list(verdict.probabilities.values()) == row.tolist()
    assert verdict.labels == tuple(
        name for name, p, t in zip(LABELS, row, ENSEMBLE.thresholds, strict=True) if p >= np.float32(t)
    )


def test_variants_of_a_long_text_are_the_answers_of_the_network(written: Path) -> None:
    runtime = LabelsRuntime.open(written)
    text = f"{TEXT} " * 3
    for label in LABELS:
        why = runtime.explain(text, label)
        place = 4
        word = why.words[place]
        (row,) = runtime.predict_proba([text[: word.start] + text[word.end :]])
        assert word.without == pytest.approx(row[LABELS.index(label)], abs=1e-5)


def ensemble_of(config: dict[str, Any]) -> dict[str, Any]:
    return config["ensemble"]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no thresholds": lambda c: ensemble_of(c).pop("thresholds"),
    "thresholds of other labels": lambda c: ensemble_of(c).update(thresholds=[0.5, 0.5]),
    "a threshold of 0": lambda c: ensemble_of(c).update(thresholds=[0.5, 0.0, 0.5]),
    "a threshold of 1": lambda c: ensemble_of(c).update(thresholds=[0.5, 1, 0.5]),
    "a threshold that is text": lambda c: ensemble_of(c).update(thresholds=["0.5", 0.5, 0.5]),
    "a threshold that is true": lambda c: ensemble_of(c).update(thresholds=[True, 0.5, 0.5]),
    "a million thresholds": lambda c: ensemble_of(c).update(thresholds=[0.5] * 1_000_000),
    "infinity": lambda c: ensemble_of(c).update(offsets=[1e999, 0.0, 0.0]),
    "no number": lambda c: ensemble_of(c).update(linear=[float("nan"), 1.0, 1.0]),
    "huge weights": lambda c: ensemble_of(c).update(network=[1e300, 1.0, 1.0]),
    "negative weights": lambda c: ensemble_of(c).update(network=[-1.0, 1.0, 1.0]),
    "no members": lambda c: ensemble_of(c).update(network=[], linear=[]),
    "the ensemble of one label": lambda c: c.update(ensemble=Ensemble().to_dict()),
    "no ensemble": lambda c: c.update(ensemble=None),
    "one label twice": lambda c: c.update(labels=["ux", "ux", "bug"]),
    "one label for each text": lambda c: c["settings"].update(multi_label=""),
    "a separator of letters": lambda c: c["settings"].update(multi_label="ab"),
    "a separator that is a list": lambda c: c["settings"].update(multi_label=[";"]),
    "other labels": lambda c: c.update(labels=["a", "b"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_is_refused(written: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    rewrite_json(copy, "config.json", CHANGES[name])
    with pytest.raises(ArtifactError):
        open_verified(copy)


def test_a_model_of_one_label_has_no_weights_for_each(tmp_path: Path) -> None:
    path = write_random(tmp_path / "m", LabelsSettings(embedding_size=6, units=5), ["a", "b", "c"])
    assert json.loads((path / "config.json").read_text())["settings"]["multi_label"] == ""
    rewrite_json(path, "config.json", lambda config: config.update(ensemble=ENSEMBLE.to_dict()))
    with pytest.raises(ArtifactError):
        open_verified(path)
    linear = random_linear_model(tokenizer_of(SETTINGS, TEXT).size, 2)
    with pytest.raises(ArtifactError, match="a linear model of 2 columns for 3 labels"):
        write_random(tmp_path / "n", SETTINGS, LABELS, linear=linear, ensemble=ENSEMBLE)


@pytest.mark.parametrize("changes", [{"network": "article", "tokens": "keras"}, {"network": "bilstm"}])
def test_every_network_has_a_sigmoid_for_each_label(tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = LabelsSettings(embedding_size=6, units=5, length=12, dense_units=4, multi_label="|", **changes)
    alone = LabelwiseEnsemble(network=(1.0, 1.0), offsets=(0.0, 0.0), thresholds=(0.5, 0.5))
    path = write_random(tmp_path / "m", settings, ["a", "b"], ensemble=alone)
    rows = LabelsRuntime.open(path).predict_proba(["the mind", "", "the obstacle to action"])
    assert rows.shape == (3, 2)
    assert np.ptp(rows.sum(axis=1)) > 1e-3
    # One label for each text has one output; two of several have two.
    assert random_model(settings, ["a", "b"], ensemble=alone).require_weights()["output/bias"].shape == (2,)
