"""The comparison of a copy with its model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from export_workplace import Copies

from foretell.artifacts.directory import open_verified
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, DataError
from foretell.export import check, formats
from foretell.export.source import Rows, Source
from foretell.runtime.labels.classifier import LabelsRuntime


@pytest.mark.parametrize("name", ["labels", "words", "words-article"])
def test_sample_texts_are_the_same_each_time_and_can_be_read(models: dict[str, Path], name: str) -> None:
    source = Source(models[name])
    texts = check.sample_texts(source)
    assert len(texts) == check.N_TEXTS
    assert texts == check.sample_texts(Source(models[name]))
    assert min(len(text.split()) for text in texts) >= source.window
    assert len(source.answers(texts)) == len(texts)
    # A language model of the article's has no id for unknown words.
    assert any("xyzzy" in text for text in texts) == (name != "words-article")


def test_the_difference_without_tfidf_is_that_of_the_answers(models: dict[str, Path]) -> None:
    source = Source(models["labels-tfidf"])
    texts = ["the mind", "adapts", "xyzzy", "the way becomes the obstacle"]
    rows = LabelsRuntime.open(models["labels-tfidf"]).predict_proba(texts)
    model = dataclasses.replace(open_verified(models["labels-tfidf"]), tfidf=())
    others = LabelsRuntime(model).predict_proba(texts)
    found = check.change(source, rows, others)
    assert found.largest == np.abs(rows - others).max() > 0.05
    assert found.mean == pytest.approx(np.abs(rows - others).mean())
    assert found.changed == (rows.argmax(axis=1) != others.argmax(axis=1)).mean()
    assert found.count == 4


def test_a_copy_that_ignores_the_scores_is_refused(models: dict[str, Path], copies: Copies) -> None:
    source = Source(models["labels-tfidf"])
    answer = formats.read_back(copies["labels-tfidf"].path, source)
    assert check.check_same(source, answer, ["the mind"]) < 1e-5
    with pytest.raises(ArtifactError, match="a difference of"):
        check.check_same(source, lambda ids, _=None: answer(ids), ["the mind"])


@pytest.mark.parametrize(("shift", "accepted"), [(0.9e-4, True), (1.1e-4, False), (np.nan, False)])
def test_a_difference_above_the_tolerance_is_refused(
    models: dict[str, Path], shift: float, accepted: bool
) -> None:
    source = Source(models["labels"])
    texts = ["the mind", "adapts"]
    rows = iter(source.answers(texts).astype(np.float64))

    def answer(_: Sequence[int]) -> Rows:
        return next(rows)[None] + np.array([[0.0, shift]])

    if accepted:
        assert check.check_same(source, answer, texts) == pytest.approx(shift, rel=1e-3)
    else:
        with pytest.raises(ArtifactError, match=r"within 0\.0001 of foretell's on 2 texts"):
            check.check_same(source, answer, texts)


def test_the_loss_of_a_classifier_is_the_difference_of_accuracies(models: dict[str, Path]) -> None:
    source = Source(models["labels"])
    texts = ["the mind", "adapts", "the way", "action"]
    right = [source.labels[i] for i in source.answers(texts).argmax(axis=1)]
    always_second = check.labels_loss(source, lambda _: np.array([[0.0, 1.0]]), Examples(texts, right))
    assert always_second.before == 1
    assert always_second.after == right.count(source.labels[1]) / 4
    assert always_second.lost == 1 - always_second.after
    new = Examples(texts, ["new"] * 4)
    assert check.labels_loss(source, lambda _: np.array([[0.0, 1.0]]), new).before == 0


def test_the_loss_of_a_language_model_counts_the_next_words(models: dict[str, Path]) -> None:
    source = Source(models["words"])
    tokenizer = source.model.tokenizer

    def always(word: str) -> formats.Answer:
        def answer(ids: Sequence[int]) -> Rows:
            rows = np.zeros((len(ids), tokenizer.size))
            rows[:, tokenizer.id(word)] = 1
            return rows

        return answer

    loss = check.words_loss(source, always("the"), always("mind"), ["the mind the way", "the"])
    assert (loss.count, loss.before, loss.after) == (5, 3 / 5, 1 / 5)
    with pytest.raises(DataError, match="the model's vocabulary"):
        check.words_loss(source, always("the"), always("the"), [])
