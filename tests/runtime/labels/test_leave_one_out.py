"""Explanations: each effect is what the classifier itself answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import UsageError
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels import leave_one_out
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.leave_one_out import MAX_CHARACTERS, MAX_LEFT_OUT, MAX_POINTS
from foretell.runtime.stopping import StoppedError, stops_when
from tests.builders import random_linear_model

Labels = Callable[..., LabelsRuntime]
WORDS = ["the", "mind", "adapts", "and", "converts", ",", ".", "zebra"]
# Up to twice as many as the network of the fixtures reads.
TEXTS = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@pytest.fixture(scope="module", params=["base", "article", "cnn-lstm", 2, 3])
def runtime(request: pytest.FixtureRequest, labels_model: Labels) -> LabelsRuntime:
    """Each network alone; a network and a linear model of the first eight ids, for two and three
    labels.
    """
    if isinstance(request.param, str):
        return labels_model(request.param)
    linear = random_linear_model(8, 1 if request.param == 2 else 3)
    ensemble = Ensemble(
        network=0.7, linear=1.3, offsets=tuple(0.1 * i for i in range(request.param))
    )
    return labels_model(
        labels=("neg", "pos", "so-so")[: request.param], linear=linear, ensemble=ensemble
    )


def log_odds(row: Any, label: int) -> float:
    return float(np.log(row[label]) - np.log(np.delete(row, label).astype(float).sum()))


@settings(deadline=None, max_examples=4)
@given(text=TEXTS)
def test_an_effect_is_what_taking_the_word_out_does(runtime: LabelsRuntime, text: str) -> None:
    """By its definition, one prediction after another."""
    found = runtime.explain(text)
    (row,) = runtime.predict_proba([text])
    label = int(row.argmax())
    assert found.label == runtime.labels[label]
    assert found.probability == pytest.approx(row[label], abs=1e-5)
    assert [text[word.start : word.end] for word in found.words] == [
        word.text for word in found.words
    ]
    assert len(found.words) == sum(
        end > start for _, start, end in runtime.tokenizer.encode_with_offsets(text)
    )
    for word, running in zip(found.words, found.running, strict=True):
        (without,) = runtime.predict_proba([text[: word.start] + text[word.end :]])
        assert word.without == pytest.approx(without[label], abs=1e-5)
        assert word.effect == pytest.approx(
            log_odds(row, label) - log_odds(without, label), abs=1e-4
        )
        (upto,) = runtime.predict_proba([text[: word.end]])
        assert running == pytest.approx(upto[label], abs=1e-5)


def test_words_before_what_the_network_reads_do_nothing(any_labels: LabelsRuntime) -> None:
    text = " ".join(WORDS[:5] * 9)
    found = any_labels.explain(text)
    assert [word.is_read for word in found.words] == [False] * 15 + [True] * 30
    assert {word.effect for word in found.words[:15]} == {0.0}
    assert any(word.effect for word in found.words[15:])


@pytest.mark.parametrize("runtime", [2, 3], indirect=True)
def test_the_service_leaves_words_of_a_long_text_out_together(runtime: LabelsRuntime) -> None:
    words = ("the mind adapts and converts " * 162).split()
    text = " ".join(words)
    found = runtime.explain(text, bounded=True)
    assert (len(words), found.stride, found.together) == (810, 9, 3)
    assert len(found.running) == 90 <= MAX_POINTS
    assert len({(word.effect, word.without) for word in found.words}) <= MAX_LEFT_OUT
    label = runtime.labels.index(found.label)
    upto = runtime.predict_proba([" ".join(words[:27])])[0]
    assert found.running[2] == pytest.approx(upto[label], abs=1e-5)
    assert found.running[-1] == found.probability
    last = found.words[-3]
    without = runtime.predict_proba([text[: last.start]])[0]
    difference = log_odds(runtime.predict_proba([text])[0], label) - log_odds(without, label)
    assert [word.effect for word in found.words[-3:]] == pytest.approx(
        [difference / 3] * 3, abs=1e-4
    )
    assert last.without == pytest.approx(without[label], abs=1e-5)


@pytest.mark.parametrize("text", ["word " * 20_000, "a" * 100_000, "\u597d" * 100_000])
def test_of_any_text_little_is_computed_before_it_can_be_stopped(
    classifier: LabelsRuntime, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []

    def answer(ids: list[list[int]], texts: list[str]) -> Any:
        pieces.append(sum(map(len, texts)))
        return np.full((len(ids), len(classifier.labels)), 1 / len(classifier.labels), np.float32)

    monkeypatch.setattr(classifier, "_probabilities", answer)
    found = classifier.explain(text, bounded=True)
    assert max(pieces) <= MAX_CHARACTERS
    # All variants together are bounded too.
    assert len(pieces) * len(found.words) <= 3_000_000
    with pytest.raises(StoppedError), stops_when(lambda: len(pieces) % 2 == 1):
        classifier.explain(text, bounded=True)
    with pytest.raises(UsageError, match=r"at most 100,000 characters to explain, found 1,000,000"):
        classifier.explain("a" * 1_000_000, bounded=True)


def test_elsewhere_each_word_of_a_long_text_has_its_own_effect(
    classifier: LabelsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in that knows which word is missing."""
    words = [f"w{number}" for number in range(3_000)]

    def answer(_: list[list[int]], texts: list[str]) -> Any:
        total = sum(range(3_000))
        shares = [sum(int(word[1:]) for word in text.split()) / total for text in texts]
        return np.array([[share / 2, 1 - share / 2] for share in shares], np.float32)

    monkeypatch.setattr(classifier, "_probabilities", answer)
    found = classifier.explain(" ".join(words), classifier.labels[0])
    assert (len(found.words), found.together) == (3_000, 1)
    effects = [word.effect for word in found.words]
    assert len(set(effects)) > 2_900
    assert effects[1_000] < effects[2_000] < effects[2_999]


def test_a_review_of_200_words_is_explained_at_once(labels_model: Labels) -> None:
    runtime = labels_model("base", threads=1, embedding_size=100, units=64, length=400)
    text = " ".join(WORDS[:5] * 40)

    def seconds() -> float:
        start = time.process_time()
        runtime.explain(text)
        return time.process_time() - start

    # Of one processor: what the rest of the machine is doing counts little. This must hold on slow
    # ones too.
    assert min(seconds() for _ in range(2)) < 0.6


def test_nearly_certain_is_not_infinitely_certain() -> None:
    """In float32 1 - 3e-9 is 1, but the other labels have their probabilities."""
    rows = np.array([[1.0, 1e-9, 2e-9]], np.float32)
    (odds,) = leave_one_out._log_odds(rows, 0, labelwise=False)
    assert odds == pytest.approx(-np.log(3e-9), rel=1e-3)
