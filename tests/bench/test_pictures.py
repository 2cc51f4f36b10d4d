"""The pictures of docs/what-is-an-lstm.md are drawn from the code of the page; here from small numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bench.gate_strips import Row, Strip, gate_strips
from bench.line_chart import Line, line_chart
from bench.lstm_plots import DOCS, code_of, memory_units
from foretell.runtime.gates import Gates

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_line_stops_where_it_leaves_the_plot() -> None:
    lines = [Line("short <&>", [1.0, 1e-4, 1e-9, 1e-3]), Line("long", [1.0, 0.5, 0.25, 0.1])]
    svg = line_chart(lines, title="left", across="words", lowest=1e-8)
    drawn = [line.attrib["points"].split() for line in ET.fromstring(svg).iter(f"{SVG}polyline")]
    assert [len(points) for points in drawn] == [2, 4]
    assert {"short <&>", "long", "left", "words"} <= set(texts_of(svg))


def test_a_value_of_zero_is_below_every_plot() -> None:
    svg = line_chart([Line("a", [1.0, 0.1, 0.0, 0.0])], title="t", across="n", lowest=1e-8)
    (line,) = ET.fromstring(svg).iter(f"{SVG}polyline")
    assert len(line.attrib["points"].split()) == 2


def test_each_word_has_its_values() -> None:
    rows = [Row("gate", [0.0, 0.97], True), Row("cell", [-1.26, 0.01], False, 2.0)]
    svg = gate_strips([Strip(["good", "<b>"], frozenset({"good"}), rows)], title="t")
    assert texts_of(svg) == ["good", "<b>", "gate", "0.00", "0.97", "cell", "−1.3", "0"]


def gates(cell: list[list[float]], forget: list[list[float]]) -> Gates:
    cells, opened = np.array(cell), np.array(forget)
    none = np.zeros_like(cells)
    return Gates(spans=[], input=none, forget=opened, candidate=none, output=none, cell=cells, hidden=none)


def test_the_units_that_are_shown() -> None:
    # Unit 0 changes its sign, unit 1 holds it, unit 2 erases.
    first = gates([[0, 0, 0], [1, 1, 1], [-3, 1, 0]], [[1, 0.01, 1], [1, 1, 0.1], [1, 1, 1]])
    second = gates([[0, 0, 0], [-1, -1, 1], [-3, -1, 0]], [[1, 1, 1], [1, 1, 1], [0.5, 1, 1]])
    assert memory_units(first, second) == (1, 2)


@pytest.mark.skipif(not DOCS.exists(), reason="docs/ is not beside the tests")
def test_the_pictures_of_the_page_are_there_and_load_nothing() -> None:
    page = (DOCS / "what-is-an-lstm.md").read_text(encoding="utf-8")
    assert len(code_of(page)) > 5
    for name in ("influence", "gates"):
        assert f"](lstm/{name}.svg)" in page
        svg = (DOCS / "lstm" / f"{name}.svg").read_text(encoding="utf-8")
        assert "href" not in svg
        assert "url(" not in svg
