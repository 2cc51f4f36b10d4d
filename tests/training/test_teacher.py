"""The teacher knows more of texts without labels than the linear model that is a part of it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.training.labels_linear import TokenizedTexts, fit_linear, linear_logs, one_hot
from foretell.training.teacher import can_teach, teach

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


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_teacher_is_better_than_the_linear_model(rounds: int) -> None:
    assert can_teach()
    texts, topics = two_topics(0)
    hard = one_hot(topics[:N_LABELLED], 2)
    linear = fit_linear(texts.part(0, N_LABELLED), hard, SIZE)
    by_linear = linear_logs(linear, texts.part(N_LABELLED, len(texts)))
    soft = teach(
        texts, SIZE, hard, by_linear, topics[-N_HELD_OUT:], rounds=rounds, seed=1, seconds=float("inf")
    )
    np.testing.assert_array_equal(soft[:N_LABELLED], hard)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    unlabelled = slice(N_LABELLED, len(texts) - N_HELD_OUT)
    right = topics[unlabelled]
    taught = (soft[unlabelled].argmax(axis=1) == right).mean()
    assert taught > (by_linear[: len(right)].argmax(axis=1) == right).mean() + 0.02
