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
    # No three words are followed by two different words, so that an accuracy of 100 % can be reached.
    followers = {(*words[i : i + 3],): words[i + 3] for i in range(len(words) - 3)}
    assert all(followers[*words[i : i + 3],] == words[i + 3] for i in range(len(words) - 3))


def test_reviews_are_balanced_short_and_exercise_csv(reviews: list[dict[str, str]]) -> None:
    assert Counter(review["label"] for review in reviews) == {"positive": 160, "negative": 160}
    texts = [review["text"] for review in reviews]
    assert len({" ".join(text.casefold().split()) for text in texts}) == 320
    assert all(any(mark in text for text in texts) for mark in '\n",')
    assert all(text == text.strip() and 2 <= len(text.split()) <= 60 for text in texts)
