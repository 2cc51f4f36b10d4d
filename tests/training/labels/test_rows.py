"""Rows and the plan: what is learned, and what is tried, for any texts and labels."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.presets import LABELS_PRESETS
from foretell.training.labels import plan as plan_module
from foretell.training.labels.balance import Balance
from foretell.training.labels.corpus import Origin, make_corpus, part_of
from foretell.training.labels.plan import Sizes, _within_memory, make_plan
from foretell.training.labels.rows import hard_rows, joined_rows, soft_rows
from foretell.training.labels.tokens import tokenize

BASE = LABELS_PRESETS["base"]
COUNTS = st.integers(1, 2_000_000)


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=3, max_size=3), min_size=1))
def test_an_unknown_cell_is_no_row(cells: list[list[float]]) -> None:
    targets = np.array(cells, np.float32)
    rows = hard_rows(targets, np.arange(len(cells)) + 1.0, 3)
    assert len(rows) == (~np.isnan(targets)).sum()
    known = ~np.isnan(targets).all(axis=1)
    np.testing.assert_array_equal(rows.truth(), targets[known])
    np.testing.assert_array_equal(rows.targets, np.nan_to_num(targets[known]))
    expected = (np.arange(len(cells))[:, None] + 1.0) * ~np.isnan(targets)
    np.testing.assert_array_equal(rows.cell_weights, expected[known])


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=9))
def test_a_soft_label_is_several_rows_of_one_text(given: list[list[float]]) -> None:
    soft = np.array(given, np.float32)
    soft /= soft.sum(axis=1, keepdims=True)
    hard = hard_rows(np.array([2, 0], np.int32), np.array([1.0, 3.0]), 3)
    n = len(soft)
    rows = joined_rows([hard, soft_rows(soft).moved(2), hard.moved(2 + n)])
    np.testing.assert_allclose(rows.targets[2:-2], soft, atol=1e-6)
    np.testing.assert_array_equal(rows.truth(), rows.targets.argmax(axis=1))
    np.testing.assert_array_equal(rows.weights, [1, 3, *np.ones(n), 1, 3])
    np.testing.assert_allclose(rows.mass.toarray().T, rows.targets * rows.weights[:, None])
    # Class weights are those of the labels of a soft label together.
    balance = Balance(np.array([1.0, 2.0, 4.0]))
    weighed = balance.of_rows(rows)
    np.testing.assert_allclose(weighed.mass.toarray(), rows.mass.toarray() * [[1], [2], [4]], 1e-5)
    inside = np.arange(n + 4) % 2 == 0
    assert set(rows.of_texts(inside).text.tolist()) == set(np.flatnonzero(inside).tolist())


def test_class_weights_are_those_of_the_sample_weights_of_labelled_texts() -> None:
    names = ["a", "b"]
    labelled = Examples(["one", "two", "three"], ["a", "a", "b"], weights=[1.0, 3.0, 1.0])
    hints = Examples(["four"], ["b"], weights=[9.0])
    parts = {Origin.LABELS: part_of(labelled, names), Origin.HINTS: part_of(hints, names)}
    corpus = make_corpus(parts, (), names, with_changes(BASE, {"balance": True}))
    # Texts of a weigh 4 and those of b weigh 1: both labels then count 5 / 2.
    assert corpus.balance is not None
    assert corpus.balance.weights == pytest.approx([5 / 8, 5 / 2])
    assert corpus.rows.weight == pytest.approx([5 / 8, 15 / 8, 5 / 2, 45 / 2])


def test_of_a_large_corpus_words_that_occur_once_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["one two", "one three"]
    assert tokenize(texts, BASE)[0].id("three") is not None
    monkeypatch.setattr("foretell.training.labels.tokens._LARGE_CORPUS_TEXTS", 2)
    large, _ = tokenize(texts, BASE)
    assert [large.id(word) is None for word in ("one", "two", "three")] == [False, True, True]


def test_the_mark_at_the_start_of_a_text_is_no_word_of_it() -> None:
    parts = {Origin.LABELS: part_of(Examples(["one", "two three"], ["a", "b"]), ["a", "b"])}
    corpus = make_corpus(parts, (), ["a", "b"], LABELS_PRESETS["article"])
    assert corpus.lengths() == {"shortest_text": 1, "longest_text": 2}


@given(
    COUNTS,
    COUNTS,
    st.integers(2, 10_000),
    st.floats(0, 1e5),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([1 << 26, plan_module.MEMORY]),
)
def test_any_texts_have_a_plan_within_memory_and_time(
    texts: int, tokens: int, labels: int, seconds: float, fraction: float, memory: int
) -> None:
    sizes = Sizes(texts=texts, tokens=texts + tokens, characters=6 * tokens, labels=labels)
    settings = with_changes(BASE, {"valid_fraction": fraction})
    plan = make_plan(sizes, settings, seconds=seconds, memory=memory)
    assert plan.folds >= 1
    assert 1 <= plan.network_folds <= plan.folds
    assert set(plan.members) <= set(
        _within_memory((*_NAMES, "sparse_centroids"), sizes, plan.share, memory)
    )
    # Texts that `words` does not learn from are not held out in turns.
    assert plan.share == 1 or plan.folds == 1
    assert re.search(r"^plan: .* on (1 fold|([2-9]|\d\d+) folds), ", str(plan))
    # Predictions of held-out texts are few enough to fit weights to them again and again.
    held = plan.first * texts
    assert held <= 500.1 or held * labels < 4.1e6
    # What takes long or much is said before it begins.
    assert plan.bytes <= memory
    is_large = plan.seconds >= 60 or plan.bytes >= 1 << 29
    assert (" GB of memory beside the texts" in str(plan)) == is_large
    # More time never leaves anything out.
    more = make_plan(sizes, settings, seconds=math.inf, memory=memory)
    assert set(plan.members) <= set(more.members)
    assert plan.folds <= more.folds
    assert plan.passes <= more.passes


_NAMES = ("words", "bayes", "centroids", "embeddings", "svd", "tfidf", "ngrams")


def test_ten_thousand_labels_have_a_plan_with_its_costs() -> None:
    sizes = Sizes(texts=20_000, tokens=400_000, characters=2_000_000, labels=10_000)
    line = str(make_plan(sizes, BASE, seconds=300))
    assert re.search(r"the network take about \d+ (s|min).* and up to [0-2]\.\d GB of", line), line
    # What takes little time may take much memory.
    few = Sizes(texts=3_000, tokens=500_000, characters=3_000_000, labels=6)
    assert "up to 0.7 GB of memory" in str(make_plan(few, BASE, seconds=20))


@pytest.mark.parametrize("seconds", [1.0, 10.0, 300.0])
def test_of_many_labels_no_member_takes_the_time_of_the_centroids(seconds: float) -> None:
    sizes = Sizes(texts=40_000, tokens=900_000, characters=5_000_000, labels=10_000)
    plan = make_plan(sizes, BASE, seconds=seconds)
    assert plan.members[0] == "sparse_centroids"
    assert ("words" in plan.members) == (seconds == 300.0)
    assert "bayes" not in plan.members


@pytest.mark.parametrize(
    ("texts", "unlabelled", "expected"), [(300, 0, False), (300, 1_500, True), (20_000, 0, True)]
)
def test_few_held_out_texts_are_left_out_of_one_basis(
    texts: int, unlabelled: int, expected: bool
) -> None:
    some = Sizes(texts=texts, tokens=20 * texts, characters=100 * texts, labels=6)
    sizes = replace(some, unlabelled=unlabelled, unlabelled_tokens=20 * unlabelled)
    plan = make_plan(sizes, BASE, seconds=30.0)
    assert plan.has_one_basis == expected
    # One basis is made in less time than one for each fold.
    one, many = (
        plan_module._seconds(replace(plan, has_one_basis=each), sizes, plan.dense_tokens)
        for each in (True, False)
    )
    assert one < many


@pytest.mark.parametrize("labels", [2, 167, 180])
def test_nothing_jumps_as_texts_grow(labels: int) -> None:
    """Members leave one after another; the work of a plan never exceeds the time, and hardly falls."""
    counts = [int(100 * 1.3**step) for step in range(45)]
    plans = [
        make_plan(
            Sizes(texts=n, tokens=160 * n, characters=900 * n, labels=labels), BASE, seconds=300
        )
        for n in counts
    ]
    for (before_texts, before), (after_texts, after) in itertools.pairwise(
        zip(counts, plans, strict=True)
    ):
        # What leaves for want of memory leaves its time to the others.
        if after.members == before.members and len(after.members) > 1:
            assert after.folds <= before.folds
            assert after.searches <= before.searches or after.folds < before.folds
        assert len(set(before.members) - set(after.members)) <= 3
        assert "words" in after.members or after.members[0] == "ngrams"
        assert after.share * after_texts >= before.share * before_texts
    assert plans[0].searches
    assert set(plans[0].members) == set(_NAMES)
    assert plans[-1].members


@pytest.mark.parametrize(
    ("labels", "order"), [(2, plan_module._OF_TWO_LABELS), (6, plan_module._MEMBERS)]
)
def test_a_member_without_time_is_skipped_and_with_two_labels_it_is_the_last(
    labels: int, order: tuple[str, ...]
) -> None:
    sizes = Sizes(texts=8_000, tokens=1_500_000, characters=8_000_000, labels=labels)
    plans = [make_plan(sizes, BASE, seconds=float(seconds)) for seconds in range(1, 90)]
    are_first = {plan.members == order[: len(plan.members)] for plan in plans}
    assert are_first == ({True} if labels == 2 else {True, False})


def test_what_is_tried_depends_on_the_time_and_the_unlabelled_texts() -> None:
    few = Sizes(texts=20_000, tokens=400_000, characters=2_000_000, labels=6)
    sizes = replace(few, unlabelled=9, unlabelled_tokens=200)
    much = make_plan(sizes, with_changes(BASE, {"minutes": 100.0}))
    little = make_plan(sizes, with_changes(BASE, {"minutes": 1.0}), seconds=0.1)
    assert [much.folds, little.folds] == [5, 1]
    assert [much.dense_tokens, little.dense_tokens] == [3_000_000, 300_000]
    # Of out-of-fold predictions no pseudo-label is made, nor where nothing is unlabelled.
    assert [much.pseudo_labels, little.pseudo_labels] == [False, True]
    assert not make_plan(few, BASE, seconds=0.1).pseudo_labels


@pytest.mark.parametrize(("changes", "folds"), [({}, 3), ({"multi_label": ","}, 5)])
def test_one_label_of_many_texts_needs_fewer_networks(
    changes: dict[str, object], folds: int
) -> None:
    sizes = Sizes(texts=600, tokens=9_000, characters=50_000, labels=5)
    assert make_plan(sizes, with_changes(BASE, changes)).network_folds == folds


def test_without_numba_the_member_that_needs_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_module, "find_spec", lambda _: None)
    plan = make_plan(Sizes(texts=300, tokens=9_000, characters=50_000, labels=5), BASE)
    assert plan.members == tuple(name for name in _NAMES if name != "words")
    script = (
        "import sys, foretell.training.labels.candidates; raise SystemExit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_the_targets_that_remain_of_a_soft_label_sum_to_1() -> None:
    rows = soft_rows(np.array([[0.6, 0.35, 0.05], [0.3, 0.3, 0.4]], np.float32), smallest=0.1)
    assert rows.target == pytest.approx([0.6 / 0.95, 0.35 / 0.95, 0.3, 0.3, 0.4])
    # Where no share reaches the smallest, the most probable label remains.
    assert soft_rows(np.full((1, 20), 0.05, np.float32), smallest=0.1).target.tolist() == [1.0]
