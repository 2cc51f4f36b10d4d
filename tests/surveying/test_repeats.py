"""Equal and nearly equal texts, conflicts and overlaps."""

from __future__ import annotations

import random
from itertools import combinations

from foretell.data.examples import Examples
from foretell.surveying.repeats import SHINGLE, conflicts, find_repeats, near_duplicates, overlap

WORDS = [f"{a}{b}{c}" for a in "bdfglmprst" for b in "aeiou" for c in "bdgklmnrst"]


def shingles(text: bytes) -> set[bytes]:
    return {text[i : i + SHINGLE] for i in range(len(text) - SHINGLE + 1)}


def jaccard(one: bytes, other: bytes) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def texts_with_copies(n: int, words: int, seed: int) -> list[bytes]:
    """Random texts, and a copy of each in which one word is another."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        text = rng.choices(WORDS, k=words)
        copy = text.copy()
        copy[rng.randrange(words)] = "zzz"
        found += [" ".join(text).encode(), " ".join(copy).encode()]
    rng.shuffle(found)
    return found


def test_copies_with_a_changed_word_are_found_and_nothing_else() -> None:
    texts = texts_with_copies(150, 60, 1)
    groups = near_duplicates(texts)
    assert len(groups) == 150
    assert all(len(group) == 2 and jaccard(*(texts[place] for place in group)) >= 0.8 for group in groups)
    assert all(group == sorted(group) for group in groups)


def test_brute_force_finds_hardly_more() -> None:
    texts = texts_with_copies(60, 25, 2)
    true = {pair for pair in combinations(range(len(texts)), 2) if jaccard(*(texts[i] for i in pair)) >= 0.7}
    groups = near_duplicates(texts, 0.7)
    found = {pair for group in groups for pair in combinations(group, 2)}
    assert found <= true
    assert len(found) >= 0.95 * len(true) > 30


def test_a_text_is_not_compared_with_its_neighbour_across_the_boundary() -> None:
    for texts in ([b"abcdefgh", b"ijklmnop", b"short", b""], [], [b"one text alone here"]):
        assert near_duplicates(texts) == []


def test_many_copies_are_one_group() -> None:
    body = " ".join(random.Random(3).choices(WORDS, k=80))
    texts = [f"{body} {i:03}".encode() for i in range(40)]
    assert near_duplicates([b"something else entirely, not a copy", *texts]) == [list(range(1, 41))]


LONG = "it was a long and rather winding story about a river, a mill and two old friends who met again"
TEXTS = ["Good thing", "bad thing", "good  THING", LONG, LONG.replace("old", "odd"), "good thing"]


def test_equal_and_nearly_equal_texts_are_grouped() -> None:
    found = find_repeats(TEXTS)
    assert (found.equal, found.near) == (((0, 2, 5),), ((3, 4),))
    assert (found.duplicates, found.near_duplicates) == (2, 1)
    assert found.whole((0, 3)) == [0, 2, 3, 5]


def test_equal_texts_with_different_labels_are_conflicts() -> None:
    found = conflicts(find_repeats(TEXTS), ["pos", "neg", "neg", "pos", "neg", "pos"])
    assert [(each.places, each.labels) for each in found] == [((0, 2, 5), {"pos": 2, "neg": 1})]
    assert conflicts(find_repeats(TEXTS), ["pos"] * 6) == ()


def test_texts_of_another_part_are_counted_once() -> None:
    texts = ["GOOD thing", "new", LONG.replace("mill", "hill"), "new"]
    train, other = Examples(TEXTS, ["pos"] * 6), Examples(texts, ["pos", "odd"] * 2, name="test.csv")
    found = overlap(train, other, "test")
    assert (found.name, found.texts, found.equal, found.near) == ("test.csv", 4, 1, 1)
    assert found.examples == ((0, 0), (3, 2))
    assert found.new_labels == ("odd",)
