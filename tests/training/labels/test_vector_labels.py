"""Labels by text vectors: better than those of the linear model, and without the validation labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.training.labels import vector_labels
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.tokens import Tokens, tokenize_split
from foretell.training.labels.vector_labels import VectorLabels, label_by_vectors

N_LABELLED, N_VALID = 60, 60
IS_SECOND = np.arange(400) % 2 == 1


def two_topics(*, swap_valid: bool = False) -> Tokens:
    """Return texts of two topics, of which those with labels use half of the words."""
    rng = np.random.default_rng(0)
    topics = ["ab"[second] for second in IS_SECOND.tolist()]
    texts = [
        " ".join(f"{topic}{word}" for word in rng.integers(0, 8 if i < N_LABELLED else 20, 4)) + f" n{i}"
        for i, topic in enumerate(topics)
    ]
    of_valid = topics[-N_VALID:]
    split = Split(
        train=Examples(texts[:N_LABELLED], topics[:N_LABELLED]),
        valid=Examples(texts[-N_VALID:], of_valid[::-1] if swap_valid else of_valid),
        unlabelled=tuple(texts[N_LABELLED:-N_VALID]),
    )
    return tokenize_split(split, LABELS_PRESETS["base"])


def labelled(tokens: Tokens) -> tuple[VectorLabels, np.ndarray]:
    """Return the labels by vectors, and those of the linear model alone."""
    texts, others = tokens.train.texts, tokens.unlabelled
    linear = fit_ngrams(texts.ids, texts.starts, tokens.hard, tokens.tokenizer.size)
    alone = linear_log_probabilities(linear.scores_of_flat(others.ids, others.starts))
    return label_by_vectors(tokens, linear, seed=1, seconds=float("inf")), alone.argmax(axis=1)


def test_they_are_better_than_those_of_the_linear_model_and_the_same_again() -> None:
    tokens = two_topics()
    found, alone = labelled(tokens)
    right = IS_SECOND[N_LABELLED:-N_VALID]
    np.testing.assert_array_equal(found.soft[:N_LABELLED], tokens.hard)
    np.testing.assert_allclose(found.soft.sum(axis=1), 1, atol=1e-5)
    assert (found.soft[N_LABELLED:].argmax(axis=1) == right).mean() > (alone == right).mean() + 0.02
    assert found.accuracy > 0.7
    again, _ = labelled(tokens)
    np.testing.assert_array_equal(found.soft, again.soft)
    np.testing.assert_array_equal(found.model.weights, again.model.weights)


def test_validation_labels_only_choose_the_ensemble_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_labels, "fit_ensemble", lambda *_: Ensemble(network=0.5, linear=0.5))
    one, two = (labelled(two_topics(swap_valid=swapped))[0] for swapped in (False, True))
    np.testing.assert_array_equal(one.soft, two.soft)
    np.testing.assert_array_equal(one.model.weights, two.model.weights)


def test_each_round_has_half_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell.training.labels import text_vectors

    given: list[float] = []
    make = text_vectors.make_vectors

    def noted(*arguments: Any, seconds: float, **named: Any) -> Any:
        given.append(seconds)
        return make(*arguments, seconds=1.0, **named)

    monkeypatch.setattr(text_vectors, "make_vectors", noted)
    tokens, texts = two_topics(), two_topics().train.texts
    linear = fit_ngrams(texts.ids, texts.starts, tokens.hard, tokens.tokenizer.size)
    label_by_vectors(tokens, linear, seed=1, seconds=10_000.0)
    assert given[0] == pytest.approx(5_000, abs=100)
    assert given[1] > 9_000
