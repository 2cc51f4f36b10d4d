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
from pathlib import Path

import pytest

from foretell.cli import output
from foretell.cli.output import Writer, aligned, as_json, listed
from foretell.data.cells import from_csv_cell

NASTY = "\x1b]0;title\x07\x1b[31mred\x9b0m \x7f\r \u202eback\u202c \u2066i\u2069"
FORMULAS = ["=1+1", "+1+1", "-1-1", "+cmd", "--1", "@SUM(1)", "\t=1", "\r=1", "＝1", "＋1", "-1\n"]


def test_csv_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer("csv", ["text", "number", "flags", "=cmd"])
    plain = ["a=1", "'=1", "", "-1", "+1", "-0.5", "+", "-"]
    for text in [*FORMULAS, *plain]:
        writer.write({"text": text, "number": -1.5, "flags": ["=a", "b"], "=cmd": None})
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [from_csv_cell(row["text"]) for row in rows] == [*FORMULAS, *plain]
    assert all(row["text"].startswith("'") for row in rows[: len(FORMULAS)])
    assert {row["number"] for row in rows} == {"-1.5"}
    assert {row["flags"] for row in rows} == {"'=a; b"}
    assert {row["'=cmd"] for row in rows} == {""}


def test_rows_are_aligned_and_listed() -> None:
    assert aligned([("a", 1), ("bcd", 2000)]) == "a        1\nbcd  2,000"
    assert listed([("a", 1), ("bcd", 2000), ("e", "text")]) == "a    1\nbcd  2,000\ne    text"
    assert f"  {aligned([('x', 0.5)])}" == listed([("x", 0.5)], indent=2) == "  x  0.5000"
    assert aligned([]) == listed([]) == ""
    # No control sequence, and no line end.
    assert aligned([("a\x1b[0m\nb", 1)]) == listed([("a\x1b[0m\nb", 1)]) == "a\u241b[0m b  1"


def test_json_escapes_control_sequences_and_loses_nothing() -> None:
    line = as_json({"text": NASTY + "\ud800 é"})
    assert not set(NASTY) & set("\x1b\x07\x9b\x7f\r\u202e") & set(line)
    assert json.loads(line) == {"text": NASTY + "\ud800 é"}
    assert "é" in line


def test_csv_is_sanitised_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer("csv", ["text"]).write({"text": NASTY})
    assert "\x1b" in capsys.readouterr().out
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True)
    Writer("csv", ["text"]).write({"text": NASTY})
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_shows_how_much_is_done(workplace: Path) -> None:
    """Stderr is a terminal, and stdout a file, which gets what it gets without one."""
    lines = (f"good and bad thing {i} {'so so ' * 100},positive\n" for i in range(1500))
    (workplace / "big.csv").write_text("text,label\n" + "".join(lines))
    command = [sys.executable, "-m", "foretell", "evaluate", "reviews-model", "big.csv", "--json"]
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with tempfile.TemporaryFile() as answers:
        with subprocess.Popen(
            command,
            cwd=workplace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=answers,
            stderr=follower,
        ) as process:
            os.close(follower)
            shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", _all_of(leader))
        assert process.returncode == 0, shown
        assert re.search(r"━╺+ +\d+%  evaluating", shown), shown
        answers.seek(0)
        alone = subprocess.run(command, cwd=workplace, capture_output=True, check=True)
        assert answers.read() == alone.stdout


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
