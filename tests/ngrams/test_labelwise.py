"""The ensemble of each label: by hand, and back from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foretell.ngrams.labelwise import LabelwiseEnsemble, logit, sigmoid

ENSEMBLE = LabelwiseEnsemble(
    network=(0.5, 2.0), linear=(1.0, 0.0), offsets=(0.1, -1.0), thresholds=(0.5, 0.2)
)


def test_it_adds_log_odds() -> None:
    network, linear = np.array([[0.8, 0.3], [1.0, 0.0]], np.float32), np.array([[0.7, 9.0], [-2.0, 0.0]])
    odds = 0.5 * np.log(4) + 0.7 + 0.1
    found = ENSEMBLE(network, linear)
    assert found.dtype == np.float32
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert found[0, 1] == pytest.approx(1 / (1 + np.exp(1 + 2 * np.log(7 / 3))), abs=1e-6)
    # A probability of 0 or 1 is not infinite.
    assert np.isfinite(ENSEMBLE.logits(network, linear)).all()
    assert ENSEMBLE.decide(found).tolist() == [[True, False], [True, False]]


def test_members_without_weights_are_not_needed() -> None:
    alone = LabelwiseEnsemble(linear=(1.0, 2.0), offsets=(0.0, 0.0), thresholds=(0.5, 0.5))
    np.testing.assert_allclose(
        alone(None, np.array([[0.0, 1.0]])), [[0.5, sigmoid(np.array(2.0))]], rtol=1e-6
    )
    assert not alone.network


def test_log_odds_and_back() -> None:
    values = np.array([[0.0, 1e-3, 0.5, 0.999, 1.0]], np.float32)
    np.testing.assert_allclose(sigmoid(logit(values)), values, atol=2e-7)
    assert sigmoid(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


def test_json_and_back() -> None:
    assert LabelwiseEnsemble.from_dict(json.loads(json.dumps(ENSEMBLE.to_dict()))) == ENSEMBLE
    for bad in (None, {}, {**ENSEMBLE.to_dict(), "linear": 1.0}):
        with pytest.raises(ValueError, match="no "):
            LabelwiseEnsemble.from_dict(bad)
