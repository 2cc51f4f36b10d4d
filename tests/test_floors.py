"""Trainings with fixed seeds on the samples that ship are at least as good as they were.

The bounds leave three standard deviations of three seeds: accuracies of 86, 91 and 88 %, log losses
of 0.25, 0.23 and 0.27 with either preset; perplexities of 16, 27 and 16 of the other text.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell import LanguageModel, TextClassifier
from foretell.arrays import Float64s, Integers
from foretell.data.corpus import open_corpus
from foretell.data.examples import read_examples

SHORT = {"folds": 2, "min_steps": 60, "epochs": 2, "minutes": 0.0, "verbose": 0, "seed": 0}
TRAINED = 220


class Answered(NamedTuple):
    """Probabilities [text, label] of texts that were not learned, and their labels [text]."""

    probabilities: Float64s
    true: Integers

    @property
    def accuracy(self) -> float:
        return float((self.probabilities.argmax(axis=1) == self.true).mean())

    @property
    def log_loss(self) -> float:
        return float(-np.log(self.probabilities[np.arange(len(self.true)), self.true]).mean())

    @property
    def is_good(self) -> bool:
        return self.accuracy >= 0.8 and self.log_loss <= 0.31

    def ruined(self, temperature: float, offset: float) -> Answered:
        """Return the answers of an ensemble whose weights or offsets are others."""
        logits = np.log(self.probabilities) / temperature + [0, offset]
        rows = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return Answered(rows, self.true)


@pytest.fixture(scope="module", params=["quick", "base"])
def answered(request: pytest.FixtureRequest) -> Answered:
    examples = read_examples("reviews")
    order = random.Random(0).sample(range(len(examples.texts)), len(examples.texts))
    texts = [examples.texts[place] for place in order]
    labels = [examples.labels[place] for place in order]
    model = TextClassifier(request.param, **SHORT).fit(texts[:TRAINED], labels[:TRAINED])
    true = np.array([list(model.classes_).index(label) for label in labels[TRAINED:]])
    return Answered(model.predict_proba(texts[TRAINED:]).astype(float), true)


def test_a_classifier_of_the_reviews_is_right_and_knows_how_sure_to_be(answered: Answered) -> None:
    assert answered.accuracy >= 0.8
    assert answered.log_loss <= 0.31


@pytest.mark.parametrize(("temperature", "offset"), [(0.25, 0.0), (3.0, 0.0), (1, 2.5), (1, -2.5)])
def test_a_temperature_or_a_prior_of_labels_that_is_wrong_fails(
    answered: Answered, temperature: float, offset: float
) -> None:
    assert answered.is_good
    assert not answered.ruined(temperature, offset).is_good


def test_a_language_model_of_the_meditations_knows_them_and_what_is_like_them() -> None:
    model = LanguageModel.train("meditations", seed=0, verbose=0)
    assert model.score(list(open_corpus("meditations"))).perplexity <= 1.05
    other = "The mind adapts to the obstacle. What stands in the way becomes the way."
    assert model.score([other]).perplexity <= 40
