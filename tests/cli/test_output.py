"""Output: formats, spreadsheets, progress, and no control sequence on a terminal."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO

import pytest

from foretell.cli import output
from foretell.cli.output import (
    Writer,
    aligned,
    as_json,
    counted,
    counter,
    excerpt,
    listed,
    megabytes,
    note,
    on_one_line,
    show,
)

NASTY = "\x1b]0;title\x07\x1b[31mred\x9b0m \x7f\r \u202eback\u202c \u2066i\u2069"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1"]


def table(capsys: pytest.CaptureFixture[str], format: str) -> list[dict[str, str]]:
    capsys.readouterr()
    writer = Writer(format, ["text", "number", "flags"])  # type: ignore[arg-type]
    for text in [*FORMULAS, "a=1", "'=1", ""]:
        writer.write({"text": text, "number": -1.5, "flags": ["=a", "b"]}, "")
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))


def test_csv_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, "csv")
    assert [row["text"] for row in rows] == [*(f"'{text}" for text in FORMULAS), "a=1", "'=1", ""]
    assert {row["number"] for row in rows} == {"-1.5"}
    assert {row["flags"] for row in rows} == {"'=a; b"}


def test_csv_raw_leaves_texts_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, "csv-raw")
    assert [row["text"] for row in rows] == [*FORMULAS, "a=1", "'=1", ""]
    assert {row["flags"] for row in rows} == {"=a; b"}


def test_columns_are_aligned() -> None:
    assert aligned([("a", 1), ("bcd", 2000)]) == "a        1\nbcd  2,000"
    assert aligned([("x", 0.5)], indent=2) == "  x  0.5000"
    assert aligned([]) == ""


def test_names_and_values_are_listed_in_two_columns() -> None:
    assert listed([("a", 1), ("bcd", 2000), ("e", "text")]) == "a    1\nbcd  2,000\ne    text"
    assert listed([("x", 0.5)], indent=2) == "  x  0.5000"
    assert listed([]) == ""


def test_excerpt_is_one_line() -> None:
    assert excerpt("a\n b") == "a b"
    assert len(excerpt("word " * 1000, 20)) <= 20
    assert excerpt("word " * 1000, 20).endswith("…")


def test_a_text_on_one_line() -> None:
    assert on_one_line(" a\n\x1b  b\t") == "a \u241b b"


def test_sizes_for_people() -> None:
    assert [megabytes(size) for size in (43_210, 12_345_678)] == ["43 kB", "12.3 MB"]


def test_text_for_people_holds_no_control_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    show(NASTY)
    note(NASTY)
    for text in capsys.readouterr():
        assert text == (
            "\u241b]0;title\u2407\u241b[31mred\ufffd0m \u2421\u240d \ufffdback\ufffd \ufffdi\ufffd\n"
        )


def test_cells_hold_no_control_sequence_and_no_line_end() -> None:
    assert aligned([("a\x1b[0m\nb", 1)]) == listed([("a\x1b[0m\nb", 1)]) == "a\u241b[0m b  1"


def test_json_escapes_control_sequences_and_loses_nothing() -> None:
    line = as_json({"text": NASTY + "\ud800 é"})
    assert not set(NASTY) & set("\x1b\x07\x9b\x7f\r\u202e") & set(line)
    assert json.loads(line) == {"text": NASTY + "\ud800 é"}
    assert "é" in line


def test_csv_is_sanitised_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer("csv", ["text"]).write({"text": NASTY}, "")
    assert "\x1b" in capsys.readouterr().out
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True)
    Writer("csv", ["text"]).write({"text": NASTY}, "")
    assert "\x1b" not in capsys.readouterr().out


def test_a_column_that_is_a_formula_is_marked_too(capsys: pytest.CaptureFixture[str]) -> None:
    Writer("csv", ["=cmd"]).write({"=cmd": "x"}, "")
    Writer("csv-raw", ["=cmd"]).write({"=cmd": "x"}, "")
    assert capsys.readouterr().out == "'=cmd\nx\n=cmd\nx\n"


def test_values_of_any_type_have_a_cell_and_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {
        "a": True, "b": ["x", 1, None], "c": {"y": 2}, "d": date(2026, 1, 2), "e": Decimal("1.5"), "f": b"z"
    }  # fmt: skip
    assert json.loads(as_json(value)) == {**value, "d": "2026-01-02", "e": 1.5, "f": "b'z'"}
    Writer("csv", list(value)).write(value, "")
    assert capsys.readouterr().out == 'a,b,c,d,e,f\ntrue,x; 1; null,"{""y"": 2}",2026-01-02,1.5,b\'z\'\n'


def test_a_value_that_is_not_there_is_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    Writer("csv", ["a", "b", "c"]).write({"a": 1, "c": None}, "")
    assert capsys.readouterr().out == "a,b,c\n1,,\n"


pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


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
