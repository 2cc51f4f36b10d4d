"""Model directories of format version 1, as foretell 0.1.0 wrote them, open and answer as they did.

`tests/fixtures/model_format_1_*` were written with random weights; the answers beside them are what
that version gave. Their text has words, apostrophes, Han characters and an emoji of several code
points, since the rules that split texts into tokens are part of the format. A later version must
pass with the files unchanged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foretell
from foretell.artifacts.directory import read_model, write_model
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.kneser_ney import Interpolation

FIXTURES = Path(__file__).parents[1] / "fixtures"
# Bit for bit on one machine; other processors round the network's last digits otherwise.
CLOSE = {"rtol": 2e-6, "atol": 1e-7}
# An effect is the difference of two logits.
EFFECTS = {"rtol": 1e-4, "atol": 1e-5}


def answers(job: str) -> Any:
    return json.loads((FIXTURES / f"model_format_1_{job}.json").read_text(encoding="utf-8"))


@pytest.fixture(params=["as it is", "written anew"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a function from a job to a model directory: the fixture, or what this version writes
    of it.
    """

    def of(job: str) -> Path:
        path = FIXTURES / f"model_format_1_{job}"
        if request.param == "as it is":
            return path
        write_model(read_model(path), tmp_path / job)
        return tmp_path / job

    return of


def test_a_classifier_of_format_1_answers_as_it_did(place: Any) -> None:
    path = place("labels")
    wanted = answers("labels")
    model = foretell.load(path)
    assert model.classes_.tolist() == ["bad", "fair", "good"]
    np.testing.assert_allclose(
        model.predict_proba(wanted["texts"]), wanted["probabilities"], **CLOSE
    )
    assert [list(verdict.flags) for verdict in model.classify(wanted["texts"])] == wanted["flags"]
    for text, effects in zip(wanted["texts"], wanted["effects"], strict=False):
        found = model.explain(text).words
        assert [word.text for word in found] == [word for word, _ in effects]
        np.testing.assert_allclose(
            [word.effect for word in found], [e for _, e in effects], **EFFECTS
        )
    assert model.metrics_ == {"accuracy": 0.75, "valid_texts": 40}
    assert read_model(path).ensemble == Ensemble(
        network=0.6, linear=1.3, offsets=(0.25, -0.25, 0.0)
    )


def test_a_language_model_of_format_1_answers_as_it_did(place: Any) -> None:
    path = place("words")
    wanted = answers("words")
    model = foretell.load(path)
    cached = model.next("the mind adapts the mind", k=5, cache=50)
    for found, expected in [
        *zip(
            (model.next(prompt, k=5) for prompt in wanted["prompts"]), wanted["next"], strict=True
        ),
        (cached, wanted["cached"]),
    ]:
        assert [each.word for each in found] == [word for word, _ in expected]
        np.testing.assert_allclose(
            [each.probability for each in found], [p for _, p in expected], **CLOSE
        )
    assert model.complete("the mind", words=8, seed=1, temperature=0.8) == wanted["completion"]
    score = model.score(wanted["scored"])
    assert (score.tokens, score.unknown) == (wanted["tokens"], wanted["unknown"])
    np.testing.assert_allclose(score.log_probability, wanted["log_probability"], **CLOSE)
    with_cache = model.score(wanted["scored"], cache=20).log_probability
    np.testing.assert_allclose(with_cache, wanted["log_probability_cached"], **CLOSE)
    stored = read_model(path)
    assert stored.interpolation == Interpolation((0.1, 0.4, 0.7))
    assert stored.cache == ContinuousCache(theta=0.7, weight=0.2)
