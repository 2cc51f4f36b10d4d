from __future__ import annotations

import pytest

from foretell.wording import duration, percent, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x7f\x9b", "␡\ufffd"),
        ("\u202eabc", "\ufffdabc"),
    ],
)
def test_control_characters_can_be_seen_and_have_no_effect(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_percentages_and_durations() -> None:
    assert percent(0.8505) == "85.05 %"
    assert [duration(s) for s in (7.4, 185, 7_800)] == ["7 s", "3 min 05 s", "2 h 10 min"]
