"""The teacher knows more of texts without labels than the linear model that is a part of it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.training.labels import teacher
from foretell.training.labels.linear import TokenizedTexts, fit_linear, linear_logs, one_hot
from foretell.training.labels.teacher import can_teach, teach

FIRST, TOPIC, SIZE = 2, 20, 42
N_LABELLED, N_HELD_OUT = 60, 60


def two_topics(seed: int) -> tuple[TokenizedTexts, np.ndarray]:
    """Return texts of two topics, of which those with labels hold half of the words; and the topics."""
    rng = np.random.default_rng(seed)
    topics = (np.arange(400) % 2).astype(np.int32)
    texts = [
        FIRST + TOPIC * topic + rng.integers(0, 8 if i < N_LABELLED else 20, 4)
        for i, topic in enumerate(topics)
    ]
    starts = np.arange(0, 4 * len(texts) + 1, 4)
    return TokenizedTexts(ids=np.concatenate(texts).astype(np.int32), starts=starts), topics


def test_the_teacher_is_better_than_the_linear_model() -> None:
    assert can_teach()
    texts, topics = two_topics(0)
    hard = one_hot(topics[:N_LABELLED], 2)
    linear = fit_linear(texts.part(0, N_LABELLED), hard, SIZE)
    by_linear = linear_logs(linear, texts.part(N_LABELLED, len(texts)))
    held_out = topics[-N_HELD_OUT:]
    taught = teach(texts, SIZE, hard, by_linear, held_out, seed=1, seconds=float("inf"))
    soft = taught.soft
    assert len(soft) == len(texts) - N_HELD_OUT
    np.testing.assert_array_equal(soft[:N_LABELLED], hard)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    unlabelled = slice(N_LABELLED, len(texts) - N_HELD_OUT)
    right = topics[unlabelled]
    by_teacher = (soft[unlabelled].argmax(axis=1) == right).mean()
    assert by_teacher > (by_linear[: len(right)].argmax(axis=1) == right).mean() + 0.02
    assert taught.held_out_accuracy > 0.8
    to_come, their_topics = two_topics(1)
    logs = linear_log_probabilities(taught.by_vectors.scores_of_flat(to_come.ids, to_come.starts))
    assert (logs.argmax(axis=1) == their_topics)[N_LABELLED:].mean() > 0.8


def test_held_out_labels_have_no_say_but_in_the_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, topics = two_topics(0)
    hard = one_hot(topics[:N_LABELLED], 2)
    linear = fit_linear(texts.part(0, N_LABELLED), hard, SIZE)
    by_linear = linear_logs(linear, texts.part(N_LABELLED, len(texts)))
    monkeypatch.setattr(teacher, "fit_ensemble", lambda *_: Ensemble(network=0.5, linear=0.5))
    right, wrong = (
        teach(texts, SIZE, hard, by_linear, held_out, seed=1, seconds=float("inf"))
        for held_out in (topics[-N_HELD_OUT:], 1 - topics[-N_HELD_OUT:])
    )
    np.testing.assert_array_equal(right.soft, wrong.soft)
    np.testing.assert_array_equal(right.by_vectors.weights, wrong.by_vectors.weights)
