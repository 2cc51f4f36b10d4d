"""The scripts of texts."""

from __future__ import annotations

import unicodedata

import pytest

from foretell.data import scripts
from foretell.data.scripts import OTHER, ScriptCounts, script_shares


def test_shares_are_of_letters_alone() -> None:
    assert script_shares(["abc 123 !!", "Привет"]) == {"Cyrillic": 6 / 9, "Latin": 3 / 9}
    assert script_shares(["123 … 4"]) == {}
    assert list(script_shares(["很好吃", "カレー", "éèÿ"])) == ["Han", "Katakana", "Latin"]


def test_letters_of_no_block_are_counted() -> None:
    assert script_shares(["\u16a0\u16a1 ab"]) == {OTHER: 0.5, "Latin": 0.5}


@pytest.mark.parametrize(
    ("word", "script"),
    [("LATIN", "Latin"), ("GREEK", "Greek"), ("CYRILLIC", "Cyrillic"), ("HEBREW", "Hebrew"),
     ("ARABIC", "Arabic"), ("DEVANAGARI", "Devanagari"), ("TAMIL", "Tamil"), ("THAI", "Thai"),
     ("HANGUL", "Hangul"), ("HIRAGANA", "Hiragana"), ("KATAKANA", "Katakana"), ("CJK", "Han"),
     ("GEORGIAN", "Georgian"), ("KHMER", "Khmer"), ("ETHIOPIC", "Ethiopic")],
)  # fmt: skip
def test_the_letters_of_a_script_are_in_its_blocks(word: str, script: str) -> None:
    named = ((chr(code), unicodedata.name(chr(code), "")) for code in range(0xD7A4))
    letters = [each for each, name in named if name.startswith(word + " ") and each.isalpha()]
    assert len(letters) > 20
    assert script_shares(letters)[script] > 0.9


def test_counting_in_pieces_is_counting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["abc я", "很好", "def"] * 5
    whole = script_shares(texts)
    monkeypatch.setattr(scripts, "_AT_ONCE", 4)
    counts = ScriptCounts()
    for text in texts:
        counts.add(text)
    assert counts.shares() == whole
    assert script_shares(["\ud800 a"]) == {"Latin": 1}
