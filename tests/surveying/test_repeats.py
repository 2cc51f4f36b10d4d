"""Equal and nearly equal texts, conflicts and overlaps."""

from __future__ import annotations

import pytest

from foretell.data.examples import Examples
from foretell.surveying.repeats import conflicts, find_repeats, near_duplicates, overlap


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        ("Good thing!", "#good-thing \U0001f44d\ufe0f", True),
        ("it's 5 o'clock", "Its 5 o\u2019clock...", True),
        ("stra\u00dfe", "STRASSE?", True),
        # Full width, and an accent as a character of its own.
        ("\uff21\uff22\uff23 cafe\u0301", "abc caf\u00e9", True),
        ("5 stars", "4 stars", False),
        ("cafe", "caf\u00e9", False),
        # A vowel sign is not punctuation: a boy, a girl.
        ("\u0932\u0921\u093c\u0915\u093e", "\u0932\u0921\u093c\u0915\u0940", False),
        ("good thing", "thing good", False),
        # Nothing to compare.
        ("!!!", "\U0001f44d", False),
        ("", " ", False),
    ],
)
def test_near_duplicates_have_the_same_letters_and_digits(
    one: str, other: str, is_near: bool
) -> None:
    assert near_duplicates(["before", one, "between", other]) == ([[1, 3]] if is_near else [])
    assert near_duplicates([one] * 3) == ([[0, 1, 2]] if any(map(str.isalnum, one)) else [])


LONG = (
    "it was a long and rather winding story about a river, a mill and two old friends who met again"
)
TEXTS = ["Good thing", "bad thing", "good  THING", LONG, LONG.replace(",", ":"), "good thing"]


def test_equal_and_nearly_equal_texts_are_grouped() -> None:
    found = find_repeats(TEXTS)
    assert (found.equal, found.near) == (((0, 2, 5),), ((3, 4),))
    assert (found.duplicates, found.near_duplicates) == (2, 1)


def test_equal_texts_with_different_labels_are_conflicts() -> None:
    found = conflicts(find_repeats(TEXTS), ["pos", "neg", "neg", "pos", "neg", "pos"])
    assert [(each.places, each.labels) for each in found] == [((0, 2, 5), {"pos": 2, "neg": 1})]
    assert conflicts(find_repeats(TEXTS), ["pos"] * 6) == ()


def test_texts_of_another_part_are_counted_once() -> None:
    texts = ["GOOD thing", "new", f"{LONG}!", "new"]
    train = Examples(TEXTS, ["pos"] * 6)
    other = Examples(texts, ["pos", "odd"] * 2, name="test.csv")
    found = overlap(train, other, "test")
    assert (found.name, found.texts, found.equal, found.near) == ("test.csv", 4, 1, 1)
    assert found.examples == ((0, 0), (3, 2))
    assert found.new_labels == ("odd",)
