"""What texts are made of: tokens, scripts and columns."""

from __future__ import annotations

from foretell.surveying.counts import OTHER, script_shares


def test_scripts_are_of_letters_alone() -> None:
    assert script_shares(["abc 123 !!", "Привет 😀"]) == {"Cyrillic": 6 / 9, "Latin": 3 / 9}
    assert script_shares(["123 … 4"]) == {}
    assert script_shares(["\u00b5\u02b0 ab"]) == {OTHER: 0.5, "Latin": 0.5}
    assert list(script_shares(["很好吃 々", "カレ ｶﾅー", "éÿ Ａ", "न"])) == [
        "Katakana",
        "Han",
        "Latin",
        "Devanagari",
    ]
