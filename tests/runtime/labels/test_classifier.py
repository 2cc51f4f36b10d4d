"""Classify with a model directory: one text alone and any batch have the same answers, flags and
labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import ArtifactError, SettingsError, UsageError
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels import classifier as module
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import random_linear_model

WORDS = ["the", "mind", "adapts", "and", "converts", ",", ".", "zebra"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
    st.sampled_from(
        ["", " \n\t", "zebra quux", "the\nmind\r\nadapts", "\x00", "\ud800", "é 漢字 🙂"]
    ),
)


@settings(deadline=None, max_examples=10)
@given(texts=st.lists(TEXTS, max_size=90), chunk=st.integers(1, 20))
def test_a_text_has_the_same_answer_alone_and_in_any_batch(
    any_labels: LabelsRuntime, texts: list[str], chunk: int
) -> None:
    together = any_labels.predict_proba(texts)
    assert together.shape == (len(texts), 2)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    verdicts = list(any_labels.classify(iter(texts), chunk=chunk))
    for text, row, verdict in zip(texts, together, verdicts, strict=True):
        np.testing.assert_allclose(any_labels.predict_proba([text])[0], row, atol=1e-6)
        assert list(verdict.probabilities) == any_labels.labels
        np.testing.assert_allclose(list(verdict.probabilities.values()), row, atol=1e-6)
        assert (
            verdict.probabilities[verdict.label]
            == verdict.probability
            == max(verdict.probabilities.values())
        )


def test_classify_streams(any_labels: LabelsRuntime) -> None:
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield "the mind"

    for verdicts in (any_labels.classify(endless(), chunk=1), any_labels.classify(endless())):
        asked = 0
        next(verdicts)
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


@pytest.mark.parametrize("labels", [("neg", "pos"), ("anger", "joy", "none")])
@pytest.mark.parametrize("network", [0.0, 0.7])
def test_the_ensemble_weights_combine_network_and_linear_model(
    labels_model: Callable[..., LabelsRuntime], labels: tuple[str, ...], network: float
) -> None:
    plain = labels_model(labels=labels)
    linear = random_linear_model(plain.tokenizer.size, 1 if len(labels) == 2 else 3)
    offsets = tuple(0.1 * i for i in range(len(labels)))
    ensemble = Ensemble(network=network, linear=1.3, offsets=offsets)
    runtime = labels_model(labels=labels, linear=linear, ensemble=ensemble)
    # The network reads the last 30 words, the linear model all of them.
    texts = [
        "the mind adapts",
        "zebra",
        "",
        "the obstacle to our acting . " * 20,
        "the mind " * 5000,
    ]
    for text, row in zip(texts, runtime.predict_proba(texts), strict=True):
        (scores,) = linear.scores([runtime.tokenizer.encode(text)])
        logits = np.append(0, scores) if len(labels) == 2 else scores
        pooled = network * np.log(plain.predict_proba([text])[0]) + 1.3 * logits + np.array(offsets)
        expected = np.exp(pooled) / np.exp(pooled).sum()
        np.testing.assert_allclose(row, expected, atol=1e-5)
        np.testing.assert_allclose(runtime.predict_proba([text])[0], row, atol=1e-6)


def test_words_that_only_the_linear_model_knows_are_unknown_to_the_network(
    labels_model: Callable[..., LabelsRuntime],
) -> None:
    knows_all = labels_model()
    linear = random_linear_model(knows_all.tokenizer.size, 1)
    runtime = labels_model(linear=linear, vocabulary=3)
    known = {runtime.tokenizer.word(i) for i in range(3, 6)}
    text = "the mind adapts and converts"
    masked = " ".join(word if word in known else "zebra" for word in text.split())
    assert masked != text
    np.testing.assert_array_equal(runtime.predict_proba([text]), runtime.predict_proba([masked]))
    assert [verdict.flags for verdict in runtime.classify([text, masked])] == [
        (),
        ("mostly unknown words",),
    ]


# --- Abstaining, and texts that are odd


@settings(deadline=None, max_examples=10)
@given(texts=st.lists(TEXTS, max_size=20), least=st.floats(0, 1))
def test_below_the_threshold_there_is_a_reason_instead_of_a_label(
    any_labels: LabelsRuntime, texts: list[str], least: float
) -> None:
    always = list(any_labels.classify(texts))
    verdicts = list(any_labels.classify(texts, abstain_below=least))
    assert all(verdict.reason == "" and verdict.label for verdict in always)
    for verdict, other in zip(verdicts, always, strict=True):
        assert (verdict.probabilities, verdict.flags) == (other.probabilities, other.flags)
        assert verdict.probability == other.probability
        if other.probability < least:
            assert (verdict.label, verdict.reason) == ("", f"below {least:g}")
        else:
            assert (verdict.label, verdict.reason) == (other.label, "")


def test_at_the_threshold_itself_there_is_a_label(classifier: LabelsRuntime) -> None:
    (answer,) = classifier.classify(["the mind"])
    (same,) = classifier.classify(["the mind"], abstain_below=answer.probability)
    assert same == answer


def test_long_texts_are_answered_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHARACTERS_AT_ONCE", 10)
    texts = ["four"] * 5 + ["a text that is longer"] + ["1"] * 4
    parts = list(module._chunks(texts, 100, 100))
    assert [len(part) for part in parts] == [3, 3, 4]


def test_values_out_of_range_and_language_models_are_refused(
    classifier: LabelsRuntime, lstm: WordsRuntime
) -> None:
    for least in (-0.1, 1.1, 80, float("nan")):
        with pytest.raises(
            SettingsError, match="abstain-below: expected a probability from 0 to 1"
        ):
            classifier.classify(["the mind"], abstain_below=least)
    with pytest.raises(SettingsError, match="chunk"):
        classifier.classify([], chunk=0)
    with pytest.raises(UsageError, match="expected a model for labels, found one for words"):
        LabelsRuntime(lstm.path)


def test_probabilities_that_are_nan_are_refused(
    labels_model: Callable[..., LabelsRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = labels_model()
    # Weights of 1e38 are finite, and what is computed with them may not be.
    answer = np.full((1, 2), np.nan, np.float32)
    monkeypatch.setattr(runtime._network._session, "run", lambda *_: [answer])
    with pytest.raises(ArtifactError, match="found NaN"):
        runtime.predict_proba(["the mind"])


def test_a_warm_review_takes_about_a_millisecond(
    labels_model: Callable[..., LabelsRuntime],
) -> None:
    runtime = labels_model("article", embedding_size=50, units=100, length=200)
    text = " ".join(WORDS * 25)

    def seconds() -> float:
        start = time.thread_time()
        runtime.predict_proba([text])
        return time.thread_time() - start

    assert min(seconds() for _ in range(50)) < 2e-3  # on slow machines, too


def flags(runtime: LabelsRuntime, text: str) -> tuple[str, ...]:
    (verdict,) = runtime.classify([text])
    return verdict.flags


@pytest.mark.parametrize("name", ["base", "article"])
def test_odd_texts_are_flagged(labels_model: Callable[..., LabelsRuntime], name: str) -> None:
    runtime = labels_model(name, metrics={"shortest_text": 6, "longest_text": 10})
    for text in ("", " \n\t"):
        assert flags(runtime, text) == ("empty",)
    assert flags(runtime, "the mind adapts") == ()
    assert flags(runtime, "the mind") == ("far shorter than any seen in training",)
    assert flags(runtime, "mind " * 20) == ()
    assert flags(runtime, "mind " * 21) == ("far longer than any seen in training",)
    assert flags(runtime, "the mind zebra quux") == ()
    assert flags(runtime, "the zebra quux") == ("mostly unknown words",)
    assert flags(runtime, "zebra " * 21) == (
        "mostly unknown words",
        "far longer than any seen in training",
    )
    together = runtime.classify(["the mind adapts", "", "the mind", "the zebra quux"])
    assert [len(verdict.flags) for verdict in together] == [0, 1, 1, 1]
    runtime = labels_model(name, metrics={"shortest_text": None, "longest_text": "many"})
    assert flags(runtime, "the " * 5000) == flags(runtime, "the") == ()


def test_threads_change_no_number(labels_model: Callable[..., LabelsRuntime]) -> None:
    texts = [" ".join(WORDS[: i % 9]) for i in range(300)]
    one, three = (labels_model(threads=threads).predict_proba(texts) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    with pytest.raises(SettingsError, match="threads"):
        labels_model(threads=0)
