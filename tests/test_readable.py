"""What people read: numbers and texts, errors, the summary of a model; hashes and processors."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page
from hypothesis import example, given
from hypothesis import strategies as st

from foretell import errors
from foretell.artifacts.model import Model
from foretell.cli.output import Writer, aligned
from foretell.config import WordsSettings
from foretell.data.cells import csv_cell, from_csv_cell, json_line
from foretell.errors import DataError, ForetellError
from foretell.machine import usable_processors
from foretell.readable import isolated, pairs, visible
from foretell.runtime.html import card, frame
from foretell.surveying.counts import counted
from foretell.training.report import Report, report_of
from tests.builders import random_model


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    controls = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e"} - {"\t", "\n"}
    assert not controls & set(shown)
    assert visible("a\x1b[31m\tb\nc\x7f\x9b") == "a\u241b[31m\tb\nc\u2421\ufffd"


FROM_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
NAMES = st.text(st.sampled_from("אבعر٣ab1,(< \u2068\u2069\u202e"), min_size=1)


@given(st.lists(NAMES, min_size=1, unique=True))
def test_a_name_from_right_to_left_moves_no_number_beside_it(names: list[str]) -> None:
    """It stands in isolates, in HTML in an element of its own, and so do the others."""
    rows = [("labels", counted(dict.fromkeys(names, 7)))]
    rows += [(f"names {place}", isolated(name)) for place, name in enumerate(names)]
    for shown in (visible(pairs(rows)), aligned([(name, 7) for name in names])):
        assert not FROM_RIGHT_TO_LEFT.search(re.sub("\u2068[^\u2066-\u2069]*\u2069", "", shown))
    html = re.sub("<bdi>[^<]*</bdi>", "", card("survey", rows))
    assert not FROM_RIGHT_TO_LEFT.search(html)
    assert html.count("<bdi>") == html.count("</bdi>")


NASTY = st.text(alphabet="=+-@'\" ;,|\t\r\nab1＝") | st.text()
CELLS = NASTY | st.lists(NASTY) | st.dictionaries(NASTY, NASTY) | st.integers() | st.floats()


@given(NASTY)
def test_a_text_comes_back_from_its_cell(text: str) -> None:
    assert from_csv_cell(str(csv_cell(text))) == text


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1), st.sampled_from(",;\t|"))
@example(rows=[["x", 'a;"=cmd', "b"]], delimiter=";")
@example(rows=[["x", 'a;"', ";=cmd"]], delimiter=";")
def test_no_cell_is_a_formula_whatever_separates_them(
    rows: list[list[object]], delimiter: str
) -> None:
    file = io.StringIO(newline="")
    writer = Writer("csv", ["a", "b", "c"], file)
    for row in rows:
        writer.write(dict(zip("abc", row, strict=True)))
    file.seek(0)
    found = [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]
    assert not [
        cell
        for cell in found
        if cell.lstrip(" ").startswith(tuple("=+-@＝＋－＠"))
        # A sign or a number with a comma after it is no formula.
        and not re.match(r"([-+]|[-+]?[\d.]+(e[-+]\d+)?|-inf)(,|$)", cell)
    ]
    if delimiter == ",":
        texts = [cell for row in rows for cell in row if isinstance(cell, str)]
        assert not set(texts).difference(map(from_csv_cell, found))


@given(st.lists(st.floats(allow_nan=True) | st.dictionaries(st.text(), st.floats())))
def test_json_has_no_infinity(values: list[object]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(json_line({"values": values, "of NumPy": np.float32("inf")}), parse_constant=refuse)
    assert json_line([math.inf, 0.5, "ä"]) == '[null, 0.5, "ä"]'


EVIL = '<script>alert(1)</script>\x1b[31m\u202e"'


def test_a_page_is_in_a_frame_without_rights() -> None:
    page = Page(frame(EVIL, height=300))
    assert page.tags == ["iframe"]
    assert {("sandbox", ""), ("height", "300"), ("srcdoc", EVIL)} <= set(page.attributes)


def test_a_card_escapes_every_text() -> None:
    html = card(EVIL, [(EVIL, EVIL), ("vocabulary", "7 words")])
    page = Page(html)
    assert set(page.tags) == {"div", "strong", "bdi", "table", "tr", "th", "td"}
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert page.text.endswith("vocabulary7 words")


def test_an_error_reads_as_one_line() -> None:
    error = DataError(expected="a\ncolumn", found="none", where="a.csv", fix="name it")
    assert str(error) == "a.csv: expected a column, found none; name it"
    assert str(ForetellError(expected="this", found="that")) == "expected this, found that"


@pytest.mark.parametrize(
    "kind",
    [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, ForetellError)],
)
def test_every_error_survives_pickling(kind: type[ForetellError]) -> None:
    again = pickle.loads(pickle.dumps(kind(expected="a", found="b", where="c", fix="d")))
    assert type(again) is kind
    assert str(again) == "c: expected a, found b; d"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    metrics = {"perplexity": 12.5, "seconds": 65.0, "confusion": {}, "steps": 7}
    return random_model(WordsSettings(embedding_size=2, units=2), metrics=metrics, path=tmp_path)


def test_a_report_is_that_of_the_run(model: Model, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("<!doctype html>the run")
    report = report_of(model.directory, model.metrics)
    assert report.path == tmp_path / "run" / "report.html"
    assert "the run" in report._repr_html_()
    assert "the run" not in repr(report)
    report.save(tmp_path / "copy.html")
    assert (tmp_path / "copy.html").read_text() == report.html


def test_without_a_run_the_report_has_the_metrics(model: Model, tmp_path: Path) -> None:
    report = report_of(model.directory, model.metrics)
    assert report.path is None
    assert "12.5" in report.html
    assert str(report).splitlines() == [
        "Perplexity 12.5 on validation texts, trained in 1 min 05 s.",
        "  Perplexity  12.5",
        "  Steps       7",
        "  Time        1 min 05 s",
    ]
    # Half of a surrogate pair, which UTF-8 cannot encode.
    Report("\ud800", None).save(tmp_path / "copy.html")
    assert (tmp_path / "copy.html").read_text() == "?"


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to processors"
)
def test_a_process_that_is_bound_to_one_may_use_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from foretell.machine import usable_processors; print(usable_processors())"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        == b"1\n"
    )
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)
