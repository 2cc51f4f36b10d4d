"""Near-duplicates: edited templates are found, unrelated texts are not, in bounded time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from foretell.data.near import letters, near_duplicates, nearly_in


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
def test_short_near_duplicates_have_the_same_letters_and_digits(
    one: str, other: str, is_near: bool
) -> None:
    assert near_duplicates(["before", one, "between", other]) == ([[1, 3]] if is_near else [])
    assert near_duplicates([one] * 3) == ([[0, 1, 2]] if any(map(str.isalnum, one)) else [])
    assert (letters(one) == letters(other) != b"") == is_near


NAMES = ["Anna", "Bob", "Carla", "Emil", "Gülsen", "Ines", "Jan", "Kofi", "Lena", "Mei"]
MONTHS = ["January", "March", "April", "June", "July", "October"]
HAN = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈"
SYLLABLES = [
    "ba",
    "der",
    "fo",
    "gim",
    "hu",
    "kel",
    "lo",
    "mi",
    "nu",
    "pra",
    "ri",
    "sto",
    "tu",
    "vo",
]


def english(r: random.Random) -> str:
    return (
        f"Dear {r.choice(NAMES)} {r.choice(NAMES)}, your invoice {r.randint(100, 99999)} of "
        f"{r.randint(1, 28)} {r.choice(MONTHS)} {r.randint(2019, 2026)} over {r.randint(1, 999)} "
        f"EUR is overdue. Please pay within {r.randint(5, 30)} days."
    )


def chinese(r: random.Random) -> str:
    name = "".join(r.sample(HAN, 2))
    return (
        f"尊敬的{name}，您于{r.randint(2020, 2026)}年{r.randint(1, 12)}月购买的订单"
        f"{r.randint(1000, 9999)}已经发货，请注意查收。"
    )


def latin_words(r: random.Random) -> str:
    """Return a text of unrelated content with the usual small words."""
    words = ["".join(r.choices(SYLLABLES, k=r.randint(2, 4))) for _ in range(r.randint(8, 60))]
    small = ["the", "of", "and", "is", "a", "in", "to"]
    return " ".join(r.choice([word, r.choice(small)]) for word in words)


def han_letters(r: random.Random) -> str:
    return "".join(r.choices(HAN, k=r.randint(10, 80)))


@pytest.mark.parametrize("template", [english, chinese])
def test_edited_templates_are_near_duplicates(template: Callable[[random.Random], str]) -> None:
    r = random.Random(3)
    texts = [template(r) for _ in range(60)]
    unrelated = [make(r) for make in (latin_words, han_letters) for _ in range(100)]
    mixed = [*texts, *unrelated]
    r.shuffle(mixed)
    # One group, which may be found in parts, of all copies and nothing else.
    found = {place for group in near_duplicates(mixed) for place in group}
    copies = {place for place, text in enumerate(mixed) if text in texts}
    assert found == copies
    assert len(nearly_in(texts[:1], texts[1:])) >= 57
    assert not nearly_in(unrelated, texts)


@pytest.mark.parametrize("make", [latin_words, han_letters])
def test_unrelated_texts_are_hardly_ever_near_duplicates(
    make: Callable[[random.Random], str],
) -> None:
    r = random.Random(5)
    assert len(near_duplicates([make(r) for _ in range(3_000)])) <= 3


def test_many_equal_texts_and_one_endless_text_take_little_time() -> None:
    r = random.Random(2)
    texts = [*([english(r)] * 5_000), *(chinese(r) for _ in range(5_000))]
    found = near_duplicates([*texts, "a " * 2_000_000, "x" * 4_000_000])
    assert sorted(map(len, found)) == [5_000, 5_000]
