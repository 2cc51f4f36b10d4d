"""Texts that occur more than once, with other labels, in other parts of a split."""

from __future__ import annotations

from foretell.data.repeats import conflicts, find_repeats, overlap

LONG = "it was a long and rather winding story about a river, a mill and two old friends who met again"
TEXTS = ["Good thing", "bad thing", "good  THING", LONG, LONG.replace("old", "odd"), "good thing"]


def test_equal_and_nearly_equal_texts_are_grouped() -> None:
    found = find_repeats(TEXTS)
    assert (found.equal, found.near) == (((0, 2, 5),), ((3, 4),))
    assert (found.duplicates, found.near_duplicates) == (2, 1)
    assert find_repeats(TEXTS, near=False).near == ()
    assert found.whole((0, 3)) == [0, 2, 3, 5]


def test_equal_texts_with_different_labels_are_conflicts() -> None:
    found = conflicts(find_repeats(TEXTS), ["pos", "neg", "neg", "pos", "neg", "pos"])
    assert [(each.places, each.labels) for each in found] == [((0, 2, 5), {"pos": 2, "neg": 1})]
    assert conflicts(find_repeats(TEXTS), ["pos"] * 6) == ()


def test_texts_of_another_part_are_counted_once() -> None:
    other = ["GOOD thing", "new", LONG.replace("mill", "hill"), "new"]
    repeats = find_repeats([*TEXTS, *other])
    found = overlap(repeats, 6, 10, 6, part="test", name="test.csv", new_labels=["odd"])
    assert (found.texts, found.equal, found.near) == (4, 1, 1)
    assert found.examples == ((0, 0), (3, 2))
    assert found.new_labels == ("odd",)
