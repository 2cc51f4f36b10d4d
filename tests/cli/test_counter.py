"""Progress with the time remaining: on a terminal, and nowhere else."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from foretell.cli.output import counted, counter

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


def test_without_a_terminal_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with counter("working", 3) as advance:
        assert advance is None
        items = [1, 2]
        assert counted(items, advance, lambda _: 1) is items
    assert capsys.readouterr() == ("", "")


def test_answers_on_a_terminal_are_progress_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with counter("classifying", 3, streams=True) as advance:
        assert advance is None
    with counter("scoring", 3) as advance:
        assert advance is not None


def test_items_are_counted_when_the_next_one_is_asked_for() -> None:
    seen: list[int] = []
    items = iter(counted(["a", "bcd"], seen.append, len))
    assert next(items) == "a"
    assert seen == []
    assert list(items) == ["bcd"]
    assert seen == [1, 3]


def on_a_terminal(
    workplace: Path, *argv: str, stdin: int | IO[bytes] = subprocess.DEVNULL
) -> tuple[str, str]:
    """Run a command with a terminal for stderr and a file for stdout; return what each got."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with tempfile.TemporaryFile() as answers:
        with subprocess.Popen(
            [sys.executable, "-m", "foretell", *argv], cwd=workplace, env=environment,
            stdin=stdin, stdout=answers, stderr=follower,
        ) as process:  # fmt: skip
            os.close(follower)
            shown = _all_of(leader)
        assert process.returncode == 0, shown
        answers.seek(0)
        return answers.read().decode(), shown


def _all_of(terminal: int) -> str:
    """Return what is written to a terminal until its other end is closed."""
    shown = b""
    try:
        while chunk := os.read(terminal, 1 << 16):
            shown += chunk
    except OSError as error:
        # Linux reports the closed end as an error.
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(terminal)
    return shown.decode()


@pytest.fixture(scope="module")
def big(workplace: Path) -> Path:
    """Files that take long enough to show how far a command is."""
    (workplace / "big.csv").write_text(
        "text,label\n" + "".join(f"good and bad thing {i} {'so so ' * 100},positive\n" for i in range(3000))
    )
    (workplace / "big.txt").write_text(
        "The mind adapts and converts to its own purposes the obstacle .\n" * 80_000
    )
    return workplace


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (("classify", "reviews-model", "big.csv", "--format", "jsonl"), "classifying"),
        (("evaluate", "reviews-model", "big.csv", "--json"), "evaluating"),
        (("score", "notes-model", "big.txt", "--json"), "scoring"),
        pytest.param(("evaluate", "notes-model", "big.txt", "--json"), "evaluating", marks=pytest.mark.soak),
        pytest.param(
            ("export", "reviews-model", "--int8", "--data", "big.csv", "--max-loss", "1", "--json"),
            "comparing",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_terminal_shows_how_much_is_done_and_the_time_left(
    big: Path, argv: tuple[str, ...], what: str
) -> None:
    out, shown = on_a_terminal(big, *argv)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown)
    assert re.search(rf"{what} .*\d+ % +(\d+:\d\d:\d\d|-:--:--) left", plain)
    percents = [int(each) for each in re.findall(r"(\d+) %", plain)]
    assert percents == sorted(percents)
    assert percents[-1] > 0
    assert out == subprocess.run(
        [sys.executable, "-m", "foretell", *argv], cwd=big, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


def test_of_standard_input_the_end_is_not_known(big: Path) -> None:
    with (big / "big.txt").open("rb") as source:
        _, shown = on_a_terminal(big, "score", "notes-model", "-", "--json", stdin=source)
    assert "scoring" in shown
    assert "left" not in shown
