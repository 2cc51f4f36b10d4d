"""Figures and texts in a form for people."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foretell.readable import duration, percent, visible


def test_durations_and_percentages() -> None:
    assert [duration(s) for s in (5.4, 59.6, 185, 7800)] == ["5 s", "1 min 00 s", "3 min 05 s", "2 h 10 min"]
    assert percent(0.8505) == "85.05 %"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    controls = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e"} - {"\t", "\n"}
    assert not controls & set(shown)


def test_a_control_character_becomes_its_picture() -> None:
    assert visible("a\x1b[31m\tb\nc\x7f\x9b") == "a\u241b[31m\tb\nc\u2421\ufffd"
