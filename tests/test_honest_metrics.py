"""No reported metric of unseen texts beats the rule that made the labels, on any way to train.

A word of each text shows its label, and two fifths of the labels are wrong by chance. Nobody can be
right on more than three fifths, except by learning from the texts that are measured. The tests use
what is public, so they hold for any training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.metrics import log_loss

pytest.importorskip("tensorflow")

from foretell import TextClassifier

CEILING = 0.6

NOISE = -(CEILING * np.log(CEILING) + (1 - CEILING) * np.log(1 - CEILING))
"""The log loss, in nats, of probabilities that know the rule and its noise."""

_WORDS = [f"{first}{second}" for first in "bdfgklmn" for second in ("ab", "ek", "im", "or", "ux")]


class Labelled(NamedTuple):
    """Texts and their labels."""

    texts: list[str]
    labels: Any

    def __add__(self, other: Any) -> Labelled:
        return Labelled(self.texts + other.texts, self.labels + other.labels)


def noisy(n: int, seed: int = 0) -> Labelled:
    """Return texts of which any ten in a row have four wrong labels, two of each kind."""
    draw = random.Random(seed)
    texts = []
    labels = []
    for place in range(n):
        side = place % 2
        is_wrong = place % 10 < 4
        words = [*draw.choices(_WORDS, k=15), ("blue", "green")[side]]
        draw.shuffle(words)
        texts.append(" ".join(words))
        labels.append(("x", "y")[side ^ is_wrong])
    return Labelled(texts, labels)


def twice(given: Labelled) -> Labelled:
    """Return each text again, in capitals and with other white space."""
    return given + Labelled([f"  {text.upper()} " for text in given.texts], given.labels)


def classifier(**settings: Any) -> TextClassifier:
    small = {"units": 4, "embedding_size": 4, "length": 16, "epochs": 2, "batch_size": 64}
    return TextClassifier(
        "quick", **{**small, "minutes": 0.0, "verbose": 0, "folds": 2, **settings}
    )


def numbers(metrics: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, float]]:
    """Yield each reported number by its place in the metrics."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{where}{key}.")
        elif isinstance(value, int | float):
            yield f"{where}{key}", value


def check_honest(metrics: Mapping[str, Any], n: int, chosen: int = 0) -> None:
    """Check metrics of `n` different texts, on which the rule is right as often as `CEILING` says.

    An accuracy may be better by three standard errors, as luck is, and a loss by what as many
    weights can gain as are `chosen` on the texts themselves.
    """
    error = (CEILING * (1 - CEILING) / n) ** 0.5
    for where, value in numbers(metrics):
        if where.endswith(("accuracy", "micro_f1", "macro_f1")):
            assert value <= CEILING + 3 * error, f"{where} is {value:.3f} of {n} texts"
        if where in ("valid_loss", "log_loss", "linear_log_loss"):
            assert value >= NOISE - (5 + chosen) / n, f"{where} is {value:.3f} of {n} texts"


def test_the_rule_is_right_as_often_as_the_ceiling_says() -> None:
    texts, labels = noisy(200)
    rule = ["x" if "blue" in text.split() else "y" for text in texts]
    assert np.mean([a == b for a, b in zip(rule, labels, strict=True)]) == CEILING
    assert (len(set(texts)), labels.count("x")) == (200, 100)


@pytest.mark.parametrize(("n", "folds"), [(200, 2), (200, 0), (1_100, 2), (1_100, 0)])
def test_given_validation_texts(n: int, folds: int) -> None:
    model = classifier(folds=folds).fit(*noisy(n), valid=noisy(200, seed=1))
    assert model.metrics_["measured_on"] == "validation texts (validation set)"
    check_honest(model.metrics_, 200)


def test_given_validation_texts_measure_the_finished_classifier() -> None:
    """Nothing is decided on them: what is reported is what its predictions give."""
    valid = noisy(150, seed=1)
    model = classifier().fit(*noisy(250), valid=valid)
    rows = model.predict_proba(valid.texts)
    places = np.array([list(model.classes_).index(label) for label in valid.labels])
    assert model.metrics_["accuracy"] == pytest.approx((rows.argmax(axis=1) == places).mean())
    expected = log_loss(valid.labels, rows)
    assert model.metrics_["valid_loss"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("n", "folds"), [(1_000, 0), (1_100, 2)])
def test_a_part_of_the_texts(n: int, folds: int) -> None:
    metrics = classifier(folds=folds, valid_fraction=0.2).fit(*noisy(n)).metrics_
    check_honest(metrics, sum(each["support"] for each in metrics["labels"].values()))


def test_validation_texts_are_not_learned_from() -> None:
    """Also where a training text has the same letters."""
    valid = noisy(200, seed=1)
    train = noisy(200) + Labelled([text.title() for text in valid.texts], valid.labels)
    check_honest(classifier().fit(*train, valid=valid).metrics_, 200)


def test_old_examples() -> None:
    old = noisy(200)
    first = classifier().fit(*old)
    model = classifier().fit(*noisy(200, seed=2), continue_from=first, old=old)
    check_honest(model.metrics_, 400)


def test_old_examples_and_validation_texts() -> None:
    old = noisy(200)
    first = classifier().fit(*old)
    valid = noisy(200, seed=1)
    model = classifier().fit(*noisy(200, seed=2), continue_from=first, old=old, valid=valid)
    check_honest(model.metrics_, 200)


def test_validation_texts_that_the_ancestor_has_learned() -> None:
    """`--continue` with `--valid` of texts that are in `training_texts.bin` of the old model.

    The old classifier is a member of the new ensemble: these texts are left out of what is
    measured, as new training texts that it has seen are left out of the training.
    """
    valid = noisy(200, seed=1)
    first = classifier().fit(*(noisy(200) + valid))
    model = classifier().fit(*noisy(200, seed=2), continue_from=first, valid=valid)
    check_honest(model.metrics_, 200)


def test_new_texts_of_a_continued_classifier() -> None:
    first = classifier().fit(*noisy(200))
    check_honest(classifier().fit(*noisy(200, seed=2), continue_from=first).metrics_, 200)


def test_texts_that_are_there_twice() -> None:
    check_honest(classifier().fit(*twice(noisy(200))).metrics_, 200)


@pytest.mark.parametrize("n", [200, 1_100])
def test_several_labels_of_texts_that_are_there_twice(n: int) -> None:
    texts, labels = twice(noisy(n))
    applies = np.array([[label == "x", label == "y"] for label in labels], int)
    metrics = classifier(multi_label=";").fit(texts, applies).metrics_
    check_honest(metrics, metrics["valid_texts"] // 2 or n)


def rare(n: int, seed: int) -> Labelled:
    """Return texts of a hundred labels, the k-th drawn in proportion to 1 / k; one in five is
    wrong.
    """
    draw = random.Random(seed)
    shares = [1 / k for k in range(1, 101)]
    texts = []
    labels = []
    for _ in range(n):
        label, other = draw.choices(range(100), shares, k=2)
        words = [*draw.choices(_WORDS, k=4), f"about{label}"]
        draw.shuffle(words)
        texts.append(" ".join(words))
        labels.append(f"label {other if draw.random() < 0.2 else label}")
    return Labelled(texts, labels)


@pytest.mark.parametrize("seed", [0, 1])
def test_labels_of_one_text_count_as_the_labels_of_new_texts_do(seed: int) -> None:
    """Texts whose label is new are wrong, as often as the share of labels with one text says."""
    given = rare(150, seed)
    new = rare(2_000, seed + 100)
    model = classifier(folds=5, epochs=1).fit(*given)
    crossed = classifier(folds=5, epochs=1).evaluate(*given, folds=3) if not seed else None
    answers = model.predict(new.texts)
    true = np.mean([a == b for a, b in zip(answers, new.labels, strict=True)])
    error = (true * (1 - true) / len(given.texts)) ** 0.5
    assert model.metrics_["accuracy"] <= true + 2.5 * error
    assert model.metrics_["accuracy"] >= true - 3 * error
    if crossed is not None:
        low, high = crossed["intervals"]["accuracy"]
        assert low <= true + error
        assert abs(crossed["accuracy"] - true) < 3 * error
        assert high < 1


@pytest.mark.parametrize("repeated", [False, True])
def test_cross_validation(repeated: bool) -> None:
    given = noisy(200)
    report = classifier(epochs=1).evaluate(*(twice(given) if repeated else given), folds=2)
    check_honest(report, 200)
