"""Pseudo-labels: text vectors label unlabelled texts better than the linear model alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.training.labels import pseudo_labels as module
from foretell.training.labels import vector_labels
from foretell.training.labels.linear import LinearStep, fit_and_measure, fit_linear
from foretell.training.labels.pseudo_labels import PseudoLabels, can_make_vectors, make_pseudo_labels
from foretell.training.labels.tokens import Tokens, tokenize_split
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run, is_unfinished

SETTINGS = LABELS_PRESETS["base"]
N_LABELLED, N_VALID = 60, 60


def two_topics(seed: int) -> tuple[Split, list[str]]:
    """Return texts of two topics, of which those with labels use half of the words; and all topics."""
    rng = np.random.default_rng(seed)
    topics = [("a", "b")[i % 2] for i in range(400)]
    texts = [
        " ".join(f"{topic}{word}" for word in rng.integers(0, 8 if i < N_LABELLED else 20, 4)) + f" n{i}"
        for i, topic in enumerate(topics)
    ]
    train = Examples(texts[:N_LABELLED], topics[:N_LABELLED])
    valid = Examples(texts[-N_VALID:], topics[-N_VALID:])
    return Split(train=train, valid=valid, unlabelled=tuple(texts[N_LABELLED:-N_VALID])), topics


def tokens_and_linear(split: Split) -> tuple[Tokens, LinearStep]:
    tokens = tokenize_split(split, SETTINGS)
    return tokens, fit_linear(tokens, split, SETTINGS, TrainOptions(out=Path("unused")))


def make(tokens: Tokens, linear: LinearStep, folder: Path) -> PseudoLabels:
    options = TrainOptions(out=folder / "model", resume=is_unfinished(folder / "model"))
    with Run.open(Request(job="labels", settings=SETTINGS, data="made up"), options) as run:
        return make_pseudo_labels(tokens, linear, SETTINGS, run)


@pytest.fixture(autouse=True)
def few_tokens_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_TOKENS", 1)


def test_text_vectors_improve_the_pseudo_labels(tmp_path: Path) -> None:
    assert can_make_vectors()
    split, topics = two_topics(0)
    tokens, linear = tokens_and_linear(split)
    pseudo = make(tokens, linear, tmp_path)
    soft = pseudo.soft
    assert len(soft) == N_LABELLED + len(split.unlabelled)
    np.testing.assert_array_equal(soft[:N_LABELLED], tokens.hard)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    right = np.array([topic == "b" for topic in topics[N_LABELLED:-N_VALID]])
    assert linear.model is not None
    of_linear = module.log_probabilities(linear.model, tokens.unlabelled).argmax(axis=1)
    assert (soft[N_LABELLED:].argmax(axis=1) == right).mean() > (of_linear == right).mean() + 0.02
    assert pseudo.linear.figures["linear_accuracy"] > 0.8
    assert pseudo.vectors is not None
    new, new_topics = two_topics(1)
    ids = [tokens.tokenizer.encode(text) for text in new.unlabelled]
    logs = linear_log_probabilities(pseudo.vectors.model.scores(ids))
    targets = np.array([topic == "b" for topic in new_topics[N_LABELLED:-N_VALID]])
    assert (logs.argmax(axis=1) == targets).mean() > 0.8


def test_validation_labels_only_choose_the_ensemble_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, _ = two_topics(0)
    assert split.valid is not None
    other = {"a": "b", "b": "a"}
    swapped = Examples(split.valid.texts, [other[label] for label in split.valid.labels])
    for each in (module, vector_labels):
        monkeypatch.setattr(each, "fit_ensemble", lambda *_: Ensemble(network=0.5, linear=0.5))
    results = []
    for k, valid in enumerate((split.valid, swapped)):
        changed = Split(train=split.train, valid=valid, unlabelled=split.unlabelled)
        results.append(make(*tokens_and_linear(changed), tmp_path / str(k)))
    one, two = results
    assert one.vectors is not None
    assert two.vectors is not None
    np.testing.assert_array_equal(one.soft, two.soft)
    np.testing.assert_array_equal(one.vectors.model.weights, two.vectors.model.weights)


def test_they_are_saved_when_they_are_made_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, _ = two_topics(0)
    tokens, linear = tokens_and_linear(split)
    made = make(tokens, linear, tmp_path)
    monkeypatch.setattr(module, "label_by_vectors", None)
    again = make(tokens, linear, tmp_path)
    np.testing.assert_array_equal(made.soft, again.soft)
    assert made.linear.model is not None
    assert again.linear.model is not None
    np.testing.assert_array_equal(made.linear.model.weights, again.linear.model.weights)
    assert again.linear.figures == made.linear.figures
    assert again.vectors is not None
    assert made.vectors is not None
    assert again.vectors.shares == made.vectors.shares


def test_without_unlabelled_texts_the_labels_stay_as_they_are(tmp_path: Path) -> None:
    split, _ = two_topics(0)
    tokens, linear = tokens_and_linear(Split(train=split.train, valid=split.valid))
    pseudo = make(tokens, linear, tmp_path)
    np.testing.assert_array_equal(pseudo.soft, tokens.hard)
    assert pseudo.linear is linear
    assert not is_unfinished(tmp_path / "model")


def test_the_linear_model_alone_is_fitted_to_its_pseudo_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_TOKENS", 1_000_000)
    split, _ = two_topics(0)
    tokens, linear = tokens_and_linear(split)
    pseudo = make(tokens, linear, tmp_path)
    assert pseudo.vectors is None
    expected = fit_and_measure(tokens, tokens.all_texts, pseudo.soft, "linear_")
    assert pseudo.linear.model is not None
    assert expected.model is not None
    np.testing.assert_array_equal(pseudo.linear.model.weights, expected.model.weights)
