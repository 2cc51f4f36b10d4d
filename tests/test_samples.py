"""The texts that ship with foretell: whole, balanced, and neither trivial nor hopeless to learn from."""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files

import pytest

SAMPLES = files("foretell.samples")


@pytest.fixture(scope="module")
def reviews() -> list[dict[str, str]]:
    with (SAMPLES / "reviews.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_meditations_is_the_articles_text() -> None:
    words = (SAMPLES / "meditations.txt").read_text(encoding="utf-8").split()
    assert (len(words), len(set(words))) == (89, 69)


def test_no_three_words_of_meditations_are_followed_by_two_different_words() -> None:
    """So that an accuracy of 100 % can be reached."""
    words = (SAMPLES / "meditations.txt").read_text(encoding="utf-8").split()
    followers: dict[tuple[str, ...], set[str]] = {}
    for i in range(len(words) - 3):
        followers.setdefault(tuple(words[i : i + 3]), set()).add(words[i + 3])
    assert all(len(words) == 1 for words in followers.values())


def test_reviews_are_balanced_and_none_is_there_twice(reviews: list[dict[str, str]]) -> None:
    assert Counter(review["label"] for review in reviews) == {"positive": 160, "negative": 160}
    assert len({" ".join(review["text"].casefold().split()) for review in reviews}) == 320


def test_reviews_exercise_csv_quoting(reviews: list[dict[str, str]]) -> None:
    texts = [review["text"] for review in reviews]
    assert any("\n" in text for text in texts)
    assert any('"' in text for text in texts)
    assert any("," in text for text in texts)


def test_reviews_are_short_and_free_of_stray_space(reviews: list[dict[str, str]]) -> None:
    for review in reviews:
        assert review["text"] == review["text"].strip()
        assert 2 <= len(review["text"].split()) <= 60


def test_a_bag_of_words_learns_reviews_but_not_perfectly(reviews: list[dict[str, str]]) -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline

    texts = [review["text"] for review in reviews]
    labels = [review["label"] for review in reviews]
    model = make_pipeline(CountVectorizer(binary=True), LogisticRegression())
    folds = StratifiedKFold(10, shuffle=True, random_state=1)
    accuracy = cross_val_score(model, texts, labels, cv=folds).mean()
    assert 0.75 <= accuracy <= 0.90
