"""The progress of a search: lines, and a moving line on a terminal."""

from __future__ import annotations

import io

import pytest

from foretell.tuning.events import SearchEvent, Searching, SearchNote, TrialEnded
from foretell.tuning.objective import objective
from foretell.tuning.progress import describe, search_view, shown
from foretell.tuning.trials import TrialRecord

AIM = objective("accuracy")
BEST = TrialRecord(
    number=2, state="complete", value=0.875, changes={"units": 32, "lowercase": False}, seconds=75
)
FAILED = TrialRecord(
    number=3, state="failed", changes={"dropout": 0.25}, seconds=2, error="expected \x1b[31m, found it"
)
SEARCHING = Searching(seconds=90, limit=1200, ended=3, running=((4, 0.0), (5, 0.3)), best=BEST)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (SearchNote(text="searching units"), "searching units"),
        (
            TrialEnded(trial=BEST, best=BEST, is_best=True),
            "trial 2  accuracy 87.50 %  1 min 15 s  units 32, lowercase off  (best)",
        ),
        (
            TrialEnded(trial=FAILED, best=BEST, is_best=False),
            "trial 3  failed: expected \x1b[31m, found it  2 s  dropout 0.25",
        ),
        (SEARCHING, "1 min 30 s of 20 min 00 s  3 trials  best 87.50 % (trial 2)  running: 4, 5 30%"),
    ],
)
def test_each_event_is_one_line(event: SearchEvent, line: str) -> None:
    assert describe(event, AIM) == line


def test_lines_are_sanitised_and_running_trials_shown_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with search_view(AIM) as show:
        for event in (SEARCHING, TrialEnded(trial=FAILED, best=BEST, is_best=False), SEARCHING):
            show(event)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]


def test_a_terminal_has_a_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with search_view(AIM) as show:
        show(SEARCHING)
        show(TrialEnded(trial=BEST, best=BEST, is_best=True))
    assert "trial 2  accuracy 87.50 %" in terminal.getvalue()


def test_nothing_is_shown_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[SearchEvent] = []
    for verbose in (0, 1):
        with shown(verbose, AIM, events.append) as show:
            show(SearchNote(text="a note"))
    assert len(events) == 2
    assert capsys.readouterr().err == "a note\n"
