"""The check of the labels: wrong ones are found first, by models that were not fitted to their texts."""

from __future__ import annotations

import random

from foretell.surveying.label_check import check_labels

WORDS = {"good": ["good", "great", "lovely", "warm"], "bad": ["bad", "awful", "dull", "cold"]}


def examples(n: int) -> tuple[list[str], list[str]]:
    rng = random.Random(1)
    labels = ["good", "bad"] * (n // 2)
    return [
        f"{' '.join(rng.choices(WORDS[label], k=4))} number {i}" for i, label in enumerate(labels)
    ], labels


def test_wrong_labels_are_found_with_their_row_and_suggestion() -> None:
    texts, labels = examples(200)
    for place in (10, 51, 120):
        labels[place] = {"good": "bad", "bad": "good"}[labels[place]]
    heard: list[str] = []
    check = check_labels(texts, labels, [i + 100 for i in range(200)], 1000, heard.append)
    found = {error.row - 100: error for error in check.errors[:3]}
    assert set(found) == {10, 51, 120}
    assert found[10].text == texts[10]
    assert (found[10].label, found[10].suggested) == ("bad", "good")
    assert found[10].suggested_probability > 0.5 > found[10].probability
    assert check.judged == 200
    assert 0.9 < check.accuracy < 1
    assert heard[0].startswith("the label check needs about ")
    assert f"{check.memory / 1e6:,.0f} MB" in heard[0]


def test_labels_with_fewer_than_five_different_texts_are_not_judged() -> None:
    texts, labels = examples(100)
    texts += ["rare one", "rare two", "Rare ONE", "rare two", "rare three", "rare four"]
    labels += ["rare"] * 6
    check = check_labels(texts, labels, list(range(106)), 500, lambda _: None)
    assert check.not_judged == {"rare": 6}
    assert check.judged == 100
    assert all("rare" not in (error.label, error.suggested) for error in check.errors)


def test_one_judged_label_is_nothing_to_compare() -> None:
    check = check_labels([f"text {i}" for i in range(7)], ["a"] * 6 + ["b"], list(range(7)), 14, print)
    assert (check.errors, check.judged, check.not_judged) == ((), 0, {"b": 1, "a": 6})
