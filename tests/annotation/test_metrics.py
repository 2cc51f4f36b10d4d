"""Metrics: only from random texts, and with intervals that hold for few of them."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.annotation.journal import Answer
from foretell.annotation.metrics import changed_share, changes_little, counts_of, metrics_of
from foretell.metrics.bootstrap import Estimate, share_of

LABELS = ["a", "b"]
NOTHING = np.zeros(0, np.int64)


def answers(part: str, *labels: str) -> list[Answer]:
    kinds = {"none": "none", "skip": "skip", "unclear": "unclear"}
    return [
        Answer(
            text=f"{part} {n}",
            kind=kinds.get(each, "label"),  # type: ignore[arg-type]
            label=None if each in kinds else each,
            part=part,  # type: ignore[arg-type]
        )
        for n, each in enumerate(labels)
    ]


@pytest.mark.parametrize(
    # The published values of Clopper and Pearson's interval, as R's binom.test gives them.
    ("hits", "texts", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (7, 20, 0.1539, 0.5922), (81, 263, 0.2527, 0.3676)],
)
def test_the_exact_interval(hits: int, texts: int, low: float, high: float) -> None:
    found = share_of(hits, texts)
    assert found is not None
    assert (found.value, found.texts) == (hits / texts, texts)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert share_of(0, 0) is None


def test_counts() -> None:
    given = [*answers("train", "a", "a", "b", "skip", "none"), *answers("test", "b", "unclear")]
    found = counts_of(given, LABELS, 9)
    assert (found.answers, found.train, found.test, found.left) == (7, 3, 1, 9)
    assert (found.none, found.unclear, found.skip) == (1, 1, 1)
    assert found.labels == {"a": 2, "b": 2}


def test_shares_are_of_random_texts_alone() -> None:
    given = [*answers("train", *"aaaa", "none"), *answers("test", "b", "a", "b", "none")]
    found = metrics_of(given, LABELS, NOTHING, np.zeros((0, 2), np.float32), None)
    assert found.none is not None
    assert found.none.value == 0.25
    share = found.shares["b"]
    assert share is not None
    assert (share.value, share.texts) == (pytest.approx(2 / 3), 3)
    assert found.accuracy is None


def test_the_accuracy_and_macro_f1_of_a_model() -> None:
    truth = np.array([0, 1] * 15)
    rows = np.eye(2, dtype=np.float32)[truth]
    rows[:3] = rows[:3, ::-1]
    found = metrics_of([], LABELS, truth, rows, None)
    assert found.accuracy is not None
    assert found.macro_f1 is not None
    assert found.accuracy.value == pytest.approx(0.9)
    assert found.macro_f1.low < found.macro_f1.value == pytest.approx(0.9, abs=0.01)
    assert metrics_of([], LABELS, truth[:19], rows[:19], None).macro_f1 is None
    # Labels that no text has or gets do not lower the mean.
    wide = np.pad(rows, ((0, 0), (0, 3)))
    assert metrics_of([], [*LABELS, "c", "d", "e"], truth, wide, None).macro_f1 == found.macro_f1


def test_what_changes_little() -> None:
    before = np.tile(np.array([[0.9, 0.1]], np.float32), (200, 1))
    after = before.copy()
    after[:2] = [0.1, 0.9]
    changed = changed_share(before, after)
    assert changed is not None
    assert (changed.value, changed.texts) == (0.01, 200)
    enough = [*answers("train", *"ab" * 40), *answers("test", *"ab" * 10)]
    assert changes_little(changed, enough)
    assert not changes_little(changed, enough[:99])
    assert not changes_little(None, enough)
    assert not changes_little(Estimate(0.02, 0.0, 0.06, 200), enough)
    # Of a label with four texts more can be learned.
    rare = [*answers("train", *"a" * 80, *"b" * 4), *answers("test", *"a" * 20)]
    assert not changes_little(changed, rare)
    assert not changes_little(changed, answers("train", *"a" * 100))
