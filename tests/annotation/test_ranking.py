"""Which texts come next, by which model, from which pool; and metrics of random texts alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
from annotation.tickets import LABELS, label_of, tickets
from hypothesis import given
from hypothesis import strategies as st

from foretell.annotation import ranking
from foretell.annotation.journal import Answer
from foretell.annotation.metrics import changes_little, metrics_of
from foretell.annotation.ranking import QuickModel, TextPool, information, select
from foretell.data.near import nearly_in
from foretell.metrics.bootstrap import Estimate, share_of

NOTHING = np.zeros(0, np.int64)


def test_names_alone_suggest_labels() -> None:
    texts = ["where is my refund", "the printer is broken", "a refund please", "nothing"]
    rows = QuickModel(texts, ["refund_status", "printer"]).probabilities(NOTHING, NOTHING)
    assert rows.argmax(axis=1).tolist()[:3] == [0, 1, 0]
    assert rows[3] == pytest.approx([0.5, 0.5], abs=0.1)
    assert rows.sum(axis=1) == pytest.approx(1)


@given(n_labels=st.integers(2, 40), seed=st.integers(0, 99))
def test_without_answers_a_models_probabilities_decide(n_labels: int, seed: int) -> None:
    # The words of these texts show nothing.
    texts = [f"{n}" for n in range(50)]
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(n_labels, 0.1), 50).astype(np.float32)
    quick = QuickModel(texts, [f"label {n}" for n in range(n_labels)], suggested=rows)
    found = quick.probabilities(NOTHING, NOTHING)
    clear = rows.max(axis=1) > 0.6
    assert (found.argmax(axis=1) == rows.argmax(axis=1))[clear].all()
    assert (found.max(axis=1) > 0.8)[rows.max(axis=1) > 0.98].all()


def test_answers_correct_a_model_that_is_wrong() -> None:
    texts = tickets(60)
    truth = np.array([LABELS.index(label_of(text)) for text in texts])
    wrong = np.eye(2, dtype=np.float32)[1 - truth]
    quick = QuickModel(texts, LABELS, suggested=wrong)
    assert (quick.probabilities(NOTHING, NOTHING).argmax(axis=1) != truth).all()
    answered = np.arange(20)
    assert (quick.probabilities(answered, truth[:20]).argmax(axis=1) == truth).all()


@pytest.mark.parametrize(
    "texts", [["!", "?"], ["好吃", "不好"], ["a\ud800", "b"], [f"{n}" for n in range(1100)]]
)
def test_any_text_has_features(texts: list[str]) -> None:
    quick = QuickModel(texts, LABELS)
    assert quick.probabilities(NOTHING, NOTHING).shape == (len(texts), 2)
    assert quick.embeddings.shape[0] == len(texts)


def test_uncertain_and_dense_texts_come_first() -> None:
    rows = np.full((3, 2), 0.5, np.float32)
    assert np.argsort(-information(rows, np.array([0.2, 0.9, 0.5]))).tolist() == [1, 2, 0]
    rows = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]], np.float32)
    assert np.argsort(-information(rows, np.ones(3))).tolist() == [1, 0, 2]


def test_the_chosen_texts_differ() -> None:
    # Two groups; the first has the higher scores.
    rows = np.array([[1, 0], [1, 0.01], [1, 0.02], [0, 1], [0.01, 1]], np.float32)
    embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = np.array([1.0, 0.99, 0.98, 0.6, 0.5])
    everything = np.arange(5)
    assert select(scores, embeddings, everything, NOTHING, 2) == [0, 3]
    # What was answered last is left alone too.
    assert select(scores, embeddings, everything[1:], np.array([0]), 1) == [3]
    assert sorted(select(scores, embeddings, everything, NOTHING, 9)) == [0, 1, 2, 3, 4]


def test_equal_texts_count_once_and_near_duplicates_are_known() -> None:
    base = "the printer on the second floor does not print any more, please help us with it today"
    pool = TextPool(
        ["other text about a bank", base, base.upper(), f"{base}!", "  other  text about a bank"]
    )
    assert pool.texts == ["other text about a bank", base, f"{base}!"]
    assert pool.is_repeat.tolist() == [False, False, True]
    assert pool.notes == ["near-duplicates of other texts, which are not shown: 1"]
    assert pool.place(base.title()) == 1


def test_a_quarter_is_reserved_whatever_the_order_and_more_texts_change_it_little() -> None:
    texts = [f"ticket number {i}" for i in range(200)]
    pool = TextPool(texts, 5)
    reverse = TextPool(texts[::-1], 5)
    assert len(pool.drawn) == 50
    assert [pool.texts[i] for i in pool.drawn] == [reverse.texts[i] for i in reverse.drawn]
    assert set(np.flatnonzero(pool.reserved)) == set(pool.drawn)
    other = TextPool(texts, 6)
    assert set(other.drawn.tolist()) != set(pool.drawn.tolist())
    reserved = {texts[i] for i in pool.drawn}
    more = TextPool([f"ticket number {i}" for i in range(270)], 5)
    assert len(reserved & {more.texts[i] for i in more.drawn}) > 0.8 * len(reserved)


def test_edited_copies_of_a_reserved_text_are_reserved_too() -> None:
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pe") for b in ("rt", "sk", "nd", "lf")]
    template = (
        "dear {}, we could not find the key that you asked for in room {}, please write again"
    )
    texts = [template.format(name, i) for i, name in enumerate(words[:5])]
    texts += [" ".join(random.Random(i).sample(words, 12)) for i in range(60)]
    for seed in range(8):
        pool = TextPool(texts, seed)
        others = np.flatnonzero(~pool.reserved).tolist()
        assert not nearly_in([texts[i] for i in others], [texts[i] for i in pool.drawn])
        assert pool.is_repeat.sum() == 4


def test_a_near_duplicate_of_a_reserved_text_is_reserved_too() -> None:
    texts = [f"{text} and much more about it, as everybody here knows" for text in tickets(40)]
    pool = TextPool([*texts, *(f"{text}!" for text in texts)], 2)
    assert pool.is_repeat.sum() == 40
    assert pool.reserved[:40].tolist() == pool.reserved[40:].tolist()
    assert len(pool.drawn) == 10


def test_of_many_texts_some_are_drawn_but_answered_ones_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranking, "MAX_TEXTS", 20)
    texts = tickets(100)
    left_out = next(text for text in texts if text not in TextPool(texts).texts)
    pool = TextPool(texts, answered=[left_out])
    assert len(pool) == 21
    assert left_out in pool.texts
    assert pool.notes[0] == "21 of 100 different texts can be labelled, drawn at random"


AB = ["a", "b"]


def answers(part: str, *labels: str) -> list[Answer]:
    kinds = [("label", each) if each in AB else (each, None) for each in labels]
    return [
        Answer(text=f"{part} {n}", kind=kind, label=label, part=part)  # type: ignore[arg-type]
        for n, (kind, label) in enumerate(kinds)
    ]


def test_shares_are_of_random_texts_alone() -> None:
    given = [*answers("train", *"aaaa", "none"), *answers("test", "b", "a", "b", "none")]
    found = metrics_of(given, AB, NOTHING, np.zeros((0, 2), np.float32), None)
    assert found.none == share_of(1, 4)
    assert found.shares["b"] == share_of(2, 3)
    assert found.accuracy is None


def test_the_accuracy_and_macro_f1_of_a_model() -> None:
    truth = np.array([0, 1] * 15)
    rows = np.eye(2, dtype=np.float32)[truth]
    rows[:3] = rows[:3, ::-1]
    found = metrics_of([], AB, truth, rows, None)
    assert found.accuracy is not None
    assert found.macro_f1 is not None
    assert found.accuracy.value == pytest.approx(0.9)
    assert found.macro_f1.low < found.macro_f1.value == pytest.approx(0.9, abs=0.01)
    assert metrics_of([], AB, truth[:19], rows[:19], None).macro_f1 is None
    # Labels that no text has or gets do not lower the mean.
    wide = np.pad(rows, ((0, 0), (0, 3)))
    assert metrics_of([], [*AB, "c", "d", "e"], truth, wide, None).macro_f1 == found.macro_f1


def test_what_changes_little() -> None:
    changed = share_of(2, 200)
    enough = [*answers("train", *"ab" * 40), *answers("test", *"ab" * 10)]
    assert changes_little(changed, enough)
    assert not changes_little(changed, enough[:99])
    assert not changes_little(None, enough)
    assert not changes_little(Estimate(0.02, 0.0, 0.06, 200), enough)
    # Of a label with four texts more can be learned.
    rare = [*answers("train", *"a" * 80, *"b" * 4), *answers("test", *"a" * 19, "b")]
    assert not changes_little(changed, rare)
    assert not changes_little(changed, answers("train", *"a" * 100))
