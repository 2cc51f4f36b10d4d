"""Equal and nearly equal texts, conflicts and overlaps."""

from __future__ import annotations

from foretell.data.examples import Examples
from foretell.surveying.repeats import conflicts, find_repeats, overlap

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
    edited = LONG.replace("river", "lake")
    texts = ["GOOD thing", "new", f"{LONG}!", edited, "new"]
    train = Examples(TEXTS, ["pos"] * 6)
    other = Examples(texts, ["pos", "odd", "pos", "pos", "odd"], name="test.csv")
    found = overlap(train, other, "test")
    assert (found.name, found.texts, found.equal, found.near) == ("test.csv", 5, 1, 2)
    assert found.examples == ((0, 0), (3, 2), (3, 3))
    assert found.new_labels == ("odd",)
