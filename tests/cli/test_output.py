"""Output: formats, spreadsheets, numbers for people, and no control sequence on a terminal."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest

from foretell.cli import output
from foretell.cli.output import (
    Writer,
    aligned,
    as_json,
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
