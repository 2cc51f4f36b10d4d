from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import ArtifactError, SettingsError, UsageError
from foretell.runtime.labels import LabelsRuntime
from foretell.runtime.words import WordsRuntime

WORDS = ["the", "mind", "adapts", "and", "converts", ",", ".", "zebra"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
    st.sampled_from(["", " \n\t", "zebra quux", "the\nmind\r\nadapts", "\x00", "\ud800", "é 漢字 🙂"]),
)


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(TEXTS, max_size=90))
def test_a_text_has_the_same_answer_alone_and_in_any_batch(
    any_labels: LabelsRuntime, texts: list[str]
) -> None:
    together = any_labels.predict_proba(texts)
    assert together.shape == (len(texts), 2)
    assert together.dtype == np.float32
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(any_labels.predict_proba([text])[0], row, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(TEXTS, max_size=50), chunk=st.integers(1, 20))
def test_classify_answers_every_text_once_and_in_order(
    any_labels: LabelsRuntime, texts: list[str], chunk: int
) -> None:
    verdicts = list(any_labels.classify(iter(texts), chunk=chunk))
    assert len(verdicts) == len(texts)
    for verdict, row in zip(verdicts, any_labels.predict_proba(texts), strict=True):
        assert list(verdict.probabilities) == any_labels.labels
        np.testing.assert_allclose(list(verdict.probabilities.values()), row, atol=1e-6)
        assert verdict.probability == max(verdict.probabilities.values())
        assert verdict.probabilities[verdict.label] == verdict.probability


def test_classify_streams(any_labels: LabelsRuntime) -> None:
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield "the mind"

    verdicts = any_labels.classify(endless(), chunk=1)
    for given_so_far in range(1, 5):
        next(verdicts)
        assert asked == given_so_far
    first = any_labels.classify(endless())
    asked = 0
    next(first)
    assert asked == 1


def test_an_empty_text_is_an_unknown_word(labels_model: Callable[..., LabelsRuntime]) -> None:
    runtime = labels_model()
    np.testing.assert_array_equal(runtime.predict_proba([""]), runtime.predict_proba(["zebra"]))
    assert runtime.predict_proba([]).shape == (0, 2)
    assert list(runtime.classify([])) == []


def test_only_the_last_words_are_read_of_any_length(any_labels: LabelsRuntime) -> None:
    end = " ".join(WORDS * 6)
    long = "the mind " * 100_000 + end
    np.testing.assert_allclose(
        any_labels.predict_proba([long]), any_labels.predict_proba([f"zebra {end}"]), atol=1e-6
    )
    spaced = "the mind adapts" + " " * 100_000
    padded = any_labels.predict_proba([spaced])
    np.testing.assert_allclose(padded, any_labels.predict_proba(["the mind adapts"]), atol=1e-6)


def test_many_labels(labels_model: Callable[..., LabelsRuntime]) -> None:
    labels = ("anger", "joy", "none", "two\nlines")
    runtime = labels_model(labels=labels)
    rows = runtime.predict_proba(["the mind", "converts", ""])
    assert rows.shape == (3, 4)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert next(runtime.classify("the mind")).label == labels[int(rows[0].argmax())]


def test_calibration_divides_the_log_odds(labels_model: Callable[..., LabelsRuntime]) -> None:
    plain = labels_model().predict_proba(["the mind"])[0]
    calibrated = labels_model(calibration={"temperature": 2.0}).predict_proba(["the mind"])[0]
    odds = np.log(plain[1] / plain[0])
    assert np.log(calibrated[1] / calibrated[0]) == pytest.approx(odds / 2, rel=1e-4)
    with pytest.raises(ArtifactError, match="temperature above 0"):
        labels_model(calibration={"temperature": 0})


def test_threads_change_no_number(labels_model: Callable[..., LabelsRuntime]) -> None:
    texts = [" ".join(WORDS[: i % 9]) for i in range(300)]
    one, three = (labels_model(threads=threads).predict_proba(texts) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    with pytest.raises(SettingsError, match="threads"):
        labels_model(threads=0)


def test_a_words_model_is_refused(lstm: WordsRuntime) -> None:
    with pytest.raises(UsageError, match="found a words model"):
        LabelsRuntime.open(lstm.path)


def test_chunks_of_nothing_are_refused(any_labels: LabelsRuntime) -> None:
    with pytest.raises(SettingsError, match="chunk"):
        any_labels.classify([], chunk=0)


def test_a_warm_review_takes_under_a_millisecond(labels_model: Callable[..., LabelsRuntime]) -> None:
    runtime = labels_model("article", embedding_size=50, units=100, dense_units=250, length=200)
    text = " ".join(WORDS * 25)

    def seconds() -> float:
        start = time.thread_time()
        runtime.predict_proba([text])
        return time.thread_time() - start

    assert min(seconds() for _ in range(50)) < 1e-3
