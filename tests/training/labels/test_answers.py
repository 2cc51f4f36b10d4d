"""Any teacher: its answers become rows, useless ones do no harm, and no answer is lost or asked for
twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

pytest.importorskip("tensorflow")

from foretell import TextClassifier
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.errors import DataError, ForetellError, RunError, SettingsError, TooFewTextsWarning
from foretell.presets import LABELS_PRESETS
from foretell.teachers import teacher_of
from foretell.training.labels import answers
from foretell.training.labels.answers import answers_of
from foretell.training.labels.soft import Answering, answered
from foretell.training.labels.stages import Stages
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run

SMALL: dict[str, Any] = {"units": 4, "embedding_size": 4, "batch_size": 16, "folds": 2, "epochs": 1}
SETTINGS = with_changes(LABELS_PRESETS["base"], {**SMALL, "folds": 3})
FILLERS = ["the", "film", "was", "plot", "actor", "scene", "story", "end"]
KNOWN = range(6)
NEW = range(6, 20)
LABELS = ("bad", "good", "so")
_LETTERS = random.Random(0)
WORDS = {
    label: ["".join(_LETTERS.choices("abcdefghiklmnoprstu", k=7)) for _ in range(20)]
    for label in LABELS
}
"""Words of each label that have nothing in common."""
KIND = {word: label for label, words in WORDS.items() for word in words}


def texts_of(
    words: range, n: int, seed: int, labels: Sequence[str] = LABELS
) -> tuple[list[str], list[str]]:
    """Return texts with one word of their label each, and their labels."""
    rng = random.Random(seed)
    texts = []
    found = []
    for i in range(n):
        label = labels[i % len(labels)]
        fillers = rng.choices(FILLERS, k=3)
        texts.append(
            f"{fillers[0]} {fillers[1]} {WORDS[label][rng.choice(words)]} {fillers[2]} n{seed}x{i}"
        )
        found.append(label)
    return texts, found


def label_of(text: str) -> str:
    return next(KIND[word] for word in text.split() if word in KIND)


LABELLED = texts_of(KNOWN, 60, 1)
MORE = texts_of(range(20), 150, 2)
TEST = texts_of(NEW, 90, 3)


def certain(labels: Sequence[str], sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / (len(LABELS) - 1)
    return np.array([[sure if name == label else rest for name in LABELS] for label in labels])


class Oracle:
    """A teacher that knows the labels, and counts what it is asked."""

    def __init__(self, labels: Sequence[Any] = LABELS, fails_after: int = 10**9) -> None:
        self.labels = list(labels)
        self.asked = list[str]()
        self.fails_after = fails_after

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        if len(self.asked) + len(texts) > self.fails_after:
            raise ConnectionError("no answer\nfrom the server")
        self.asked += texts
        known = certain([label_of(text) for text in texts])
        return known[:, [LABELS.index(str(label)) for label in self.labels]]


def accuracy(classifier: TextClassifier, test: tuple[list[str], list[str]] = TEST) -> float:
    return float(np.mean(np.array(classifier.predict(test[0])) == np.array(test[1])))


def fitted(teacher: Any, **more: Any) -> TextClassifier:
    given = {"unlabelled": MORE[0], **more}
    return TextClassifier(**SMALL, verbose=0).fit(*LABELLED, teacher=teacher, **given)


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Stages]:
    """A training that has begun."""
    with Run.open(
        Request(job="labels", settings=SETTINGS, data=""), TrainOptions(out=tmp_path / "m")
    ) as run:
        yield Stages(run)


BLANK = [*MORE[0][:40], " ", *MORE[0][40:]]
"""Unlabelled texts, of which an empty one is left out, with its row."""


@pytest.mark.parametrize(
    ("teacher", "unlabelled"),
    [(Oracle(LABELS[::-1]), MORE[0]), (certain([*MORE[1][:40], "so", *MORE[1][40:]]), BLANK)],
    ids=["asked, labels in another order", "soft"],
)
def test_words_that_only_the_teacher_knows_are_learned(teacher: Any, unlabelled: list[str]) -> None:
    classifier = fitted(teacher, unlabelled=unlabelled)
    assert accuracy(classifier) > 0.8
    found = classifier.metrics_["teacher"]
    assert (found["used"], found["texts"]) == (True, 150)
    assert found["log_loss"] < found["log_loss_without"]
    assert classifier.metrics_["texts"] == 60
    assert "a teacher that has learned from these labels" in classifier.metrics_["caution"]


def useless() -> dict[str, Callable[[np.random.Generator], np.ndarray]]:
    """Return kinds of teachers that know nothing of the texts, or the wrong labels."""
    true = certain(MORE[1])
    n = len(MORE[1])
    return {
        "random and certain": lambda rng: np.eye(3)[rng.integers(3, size=n)],
        "one label": lambda rng: np.tile(np.eye(3)[rng.integers(3)], (n, 1)),
        "other texts' answers": lambda rng: true[rng.permutation(n)],
        "shuffled columns": lambda rng: true[:, np.roll(np.arange(3), 1 + rng.integers(2))],
    }


@pytest.mark.parametrize("n", [60, 20])
@pytest.mark.parametrize("kind", useless())
def test_the_answers_of_a_useless_teacher_are_no_rows(kind: str, n: int, stages: Stages) -> None:
    teacher = answered(MORE[0], useless()[kind](np.random.default_rng(1)), list(LABELS), "teacher")
    labelled = Examples(LABELLED[0][:n], LABELLED[1][:n])
    split = Split(train=labelled, valid=None, unlabelled=tuple(MORE[0]))
    found = answers_of(teacher, split, SETTINGS, stages)
    assert found.metrics["used"] is found.is_used is False
    assert sorted(found.others) == sorted(MORE[0])


@pytest.mark.parametrize(
    "kind",
    ["number", "with validation texts", "answers, with validation texts", "cannot be copied"],
)
def test_labels_that_a_teacher_has_learned_by_heart_do_no_harm(kind: str, stages: Stages) -> None:
    rng = random.Random(400)
    texts = [" ".join([*rng.choices(FILLERS, k=4), f"n{i}"]) for i in range(400)]
    labels = [rng.choice("12") for _ in texts]
    train = Examples(texts[:100], labels[:100])
    more = texts[160:]
    teacher = make_pipeline(CountVectorizer(), KNeighborsClassifier(1))
    teacher.fit(train.texts, np.array(train.labels, int if kind == "number" else str))
    given = teacher_of(
        teacher.predict_proba(more) if "answers" in kind else teacher, more, ["1", "2"], None
    )
    assert isinstance(given, Answering)
    if kind == "cannot be copied":
        given = replace(given, refitted=None)
    valid = Examples(texts[100:160], labels[100:160]) if "validation" in kind else None
    split = Split(train=train, valid=valid, unlabelled=tuple(more))
    metrics = answers_of(given, split, SETTINGS, stages).metrics
    assert metrics["used"] is False
    # Labels that are known by heart decide nothing; other texts do.
    assert ("log_loss" in metrics) is (valid is not None)


def test_an_estimator_that_knows_random_labels_in_part_is_not_used(stages: Stages) -> None:
    rng = random.Random(1)
    words = [f"w{i}" for i in range(80)]
    texts = [" ".join(rng.sample(words, 6)) for _ in range(1_600)]
    labels = [rng.choice("12") for _ in texts[:200]]
    teacher = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts[:200], labels)
    assert 0.6 < teacher.score(texts[:200], labels) < 0.95
    given = teacher_of(teacher, texts[200:], ["1", "2"], None)
    assert isinstance(given, Answering)
    split = Split(train=Examples(texts[:200], labels), valid=None, unlabelled=tuple(texts[200:]))
    assert not answers_of(given, split, SETTINGS, stages).is_used


def test_texts_that_the_teacher_has_not_answered_stay_without_labels(stages: Stages) -> None:
    teacher = answered(MORE[0][:100], certain(MORE[1][:100]), list(LABELS), "teacher")
    split = Split(train=Examples(*LABELLED), valid=None, unlabelled=tuple(MORE[0]))
    found = answers_of(teacher, split, SETTINGS, stages)
    assert found.is_used
    assert (found.texts, found.others) == (MORE[0][:100], MORE[0][100:])


def test_with_random_labels_an_estimator_that_has_learned_them_looks_like_chance() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=10)) for _ in range(760)]
    labels = [rng.choice("12") for _ in range(480)]
    teacher = make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression(C=3))
    known = texts[:480]
    more = texts[480:] * 2
    teacher.fit(known, labels)
    it = TextClassifier(**SMALL, verbose=0).fit(known, labels, unlabelled=more, teacher=teacher)
    assert it.metrics_["teacher"]["texts"] == 280
    assert it.metrics_["accuracy"] < 0.6


def test_a_teacher_is_asked_once_a_text_and_a_resumed_training_asks_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_BATCH", 40)
    whole = Oracle()
    failing = Oracle(fails_after=100)
    expected = fitted(whole, out=tmp_path / "whole")
    assert sorted(whole.asked) == sorted(MORE[0])
    with pytest.raises(RunError) as error:
        fitted(failing, out=tmp_path / "cut")
    assert "\n" not in str(error.value)
    assert (
        "texts 81 to 120: expected probabilities from the teacher, found ConnectionError: no answer"
        in str(error.value)
    )
    with pytest.raises(RunError, match="resume=True"):
        fitted(Oracle(), out=tmp_path / "cut")
    rest = Oracle()
    resumed = fitted(rest, out=tmp_path / "cut", resume=True)
    assert sorted(failing.asked + rest.asked) == sorted(MORE[0])
    np.testing.assert_array_equal(resumed.predict_proba(TEST[0]), expected.predict_proba(TEST[0]))


class Wrong:
    """A teacher whose second batch is wrong."""

    classes_ = LABELS

    def __init__(self, answer: Callable[[list[str]], Any], calls: int = 0) -> None:
        self.answer = answer
        self.calls = calls

    def predict_proba(self, texts: list[str]) -> Any:
        self.calls += 1
        return certain([LABELS[0]] * len(texts)) if self.calls == 1 else self.answer(texts)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda texts: certain(["bad"] * (len(texts) - 1)),
            r"shape \(32, 3\), found the shape \(31, 3\)",
        ),
        (
            lambda texts: np.ones((len(texts), 3)),
            "text 33: expected probabilities from 0 to 1 with a sum of 1, found a sum of 3",
        ),
        (lambda texts: np.full((len(texts), 3), np.nan), "found a number that is not finite"),
        (lambda _: "none", "found 'none'"),
    ],
)
def test_wrong_answers_are_one_line_and_lose_nothing(
    answer: Callable[[list[str]], Any], message: str, tmp_path: Path
) -> None:
    # The first batch of 32 is kept: when resumed, the second one is asked for first.
    for teacher, resume in ((Wrong(answer), False), (Wrong(answer, calls=1), True)):
        with pytest.raises(DataError, match=message) as error:
            fitted(teacher, out=tmp_path / "m", resume=resume)
        assert "\n" not in str(error.value)
        assert teacher.calls == 2


@pytest.mark.parametrize(
    ("teacher", "more", "message"),
    [
        (Oracle(["bad", "good"]), {}, "a teacher of the labels bad, good, so, found bad, good"),
        (Oracle([]), {}, "a teacher that names its labels"),
        (object(), {}, "found object"),
        (certain(MORE[1][:-1]), {}, r"found the shape \(149, 3\)"),
        (Oracle(), {"unlabelled": None}, "unlabelled texts, which the teacher labels"),
        (Oracle(), {"unlabelled": LABELLED[0]}, "unlabelled texts, which the teacher labels"),
        (Oracle(), {"keep_teacher": True}, "a teacher to keep, found a teacher that is no encoder"),
    ],
)
def test_teachers_that_cannot_teach(teacher: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ForetellError, match=message) as error:
        fitted(teacher, **more)
    assert "\n" not in str(error.value)


def test_without_any_label_the_teacher_is_all_and_answers_are_not_evaluated() -> None:
    class Numbers:
        classes_ = (7, 10, 8)
        predict_proba = staticmethod(Oracle().predict_proba)

    with pytest.warns(TooFewTextsWarning, match="no text has a label"):
        classifier = TextClassifier(**SMALL, verbose=0).fit(MORE[0], teacher=Numbers())
    names = {"bad": 7, "good": 10, "so": 8}
    assert classifier.classes_.tolist() == [7, 8, 10]
    assert accuracy(classifier, (TEST[0], [names[label] for label in TEST[1]])) > 0.8
    assert classifier.metrics_["not_measured"].startswith("no text has a label")
    assert "accuracy" not in classifier.metrics_
    assert "unevaluated" in classifier.classify(TEST[0][:1])[0].flags
    with pytest.raises(SettingsError, match="a teacher that names its labels"):
        TextClassifier(**SMALL).fit(MORE[0], teacher=certain(MORE[1]))


def test_an_object_that_encodes_is_a_teacher() -> None:
    class Encoder:
        def encode(self, texts: list[str]) -> np.ndarray:
            near = [
                [any(word in text for word in WORDS[name]) for name in LABELS] for text in texts
            ]
            return np.array(near, np.float32) + 0.1

    classifier = fitted(Encoder())
    assert accuracy(classifier) > 0.8
    assert classifier.metrics_["teacher"]["name"] == "Encoder"
    with pytest.raises(SettingsError, match="which can be kept"):
        fitted(Encoder(), keep_teacher=True)
