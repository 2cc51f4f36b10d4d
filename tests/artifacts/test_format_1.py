"""Model directories of format version 1 open and answer as they did.

`tests/fixtures/model_format_1_*` were written by the last version of that format, with random weights; the
answers beside them are what it gave. Its config.json has `calibration` and settings under their old names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import foretell
from foretell.artifacts.directory import read_model, write_model
from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation

FIXTURES = Path(__file__).parents[1] / "fixtures"
# Bit for bit on one machine; other processors round the network's last digits otherwise.
CLOSE = {"rtol": 2e-6, "atol": 1e-7}


def answers(job: str) -> Any:
    return json.loads((FIXTURES / f"model_format_1_{job}.json").read_text())


def check_labels(path: Path) -> None:
    model = foretell.load(path)
    wanted = answers("labels")
    np.testing.assert_allclose(model.predict_proba(wanted["texts"]), wanted["probabilities"], **CLOSE)
    assert model.metrics_ == {"accuracy": 0.75, "valid_texts": 40, "best_epoch": 3}
    assert (model.valid_fraction, model.max_steps, model.cooccurrence_embeddings) == (0.2, 77, False)


def check_words(path: Path) -> None:
    model = foretell.load(path)
    wanted = answers("words")
    for prompt, expected in zip(wanted["prompts"], wanted["next"], strict=True):
        found = model.next(prompt, k=5)
        assert [each.word for each in found] == [word for word, _ in expected]
        np.testing.assert_allclose([each.probability for each in found], [p for _, p in expected], **CLOSE)
    assert model.complete("the mind", words=8, seed=1, temperature=0.8) == wanted["completion"]
    score = model.score("the mind adapts the obstacle\nour own acting")
    np.testing.assert_allclose(score.log_probability, wanted["log_probability"], **CLOSE)
    assert (model.settings["max_ngrams"], model.settings["kneser_ney"]) == (5000, True)


def test_a_classifier_of_format_1_answers_as_it_did(tmp_path: Path) -> None:
    path = FIXTURES / "model_format_1_labels"
    check_labels(path)
    model = read_model(path)
    assert model.ensemble == Ensemble(network=0.6, linear=1.3, offsets=(0.25, -0.25))
    assert isinstance(model.settings, LabelsSettings)
    # Written anew it has the current format, and answers the same.
    write_model(model, tmp_path / "again")
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["format_version"] == 2
    assert "calibration" not in config
    check_labels(tmp_path / "again")


def test_a_language_model_of_format_1_answers_as_it_did(tmp_path: Path) -> None:
    path = FIXTURES / "model_format_1_words"
    check_words(path)
    model = read_model(path)
    assert model.interpolation == Interpolation((0.1, 0.4, 0.7))
    assert isinstance(model.settings, WordsSettings)
    write_model(model, tmp_path / "again")
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["interpolation"] == {"kneser_ney_weights": [0.1, 0.4, 0.7]}
    check_words(tmp_path / "again")
