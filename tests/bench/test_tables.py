"""The tables of the pages and the chart of the README show the kept results."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from bench.plots import TABLES, few_labels
from bench.results import FOLDER, Result, Row, read, write
from bench.tables import PAGES, ROOT, TABLE, main, rendered

RESULTS = {path.stem: read(path) for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_figure_of_a_table_differs_from_the_kept_result(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rendered(text) == text
    wrong = TABLE.sub(lambda table: table[0].replace(" | ", " | 9"), text)
    assert wrong != text
    assert rendered(wrong) == text


def test_each_result_is_shown_and_each_table_of_results_has_one() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert sorted(name for text in texts for name in TABLE.findall(text)) == sorted(RESULTS)
    # The list of the benchmarks has no results.
    others = re.findall(r"^\|.*\n\|[ |-]+\|\n", TABLE.sub("", texts[1]), re.MULTILINE)
    assert [table.splitlines()[0] for table in others] == ["| benchmark | what it measures |"]


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_how_it_was_measured(name: str) -> None:
    result = RESULTS[name]
    assert result.machine
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", result.date)
    assert result.transcribed or (result.commit and "-dirty" not in result.commit)
    assert {len(row.cells) for row in result.rows} == {len(result.columns)}


def test_the_chart_shows_the_kept_results() -> None:
    svg = (ROOT / "docs" / "few-labels.svg").read_text(encoding="utf-8")
    shown = [unescape(text) for text in re.findall(r">([^<>]+)</text>", svg)]
    means = few_labels()
    accuracies = [f"{accuracy:.1f} %" for accuracy in means.values()]
    assert shown[-2 * len(means) :] == [*means, *accuracies]


def test_tables_of_the_chart_agree_where_they_overlap() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for name in TABLES:
        for row in RESULTS[name].rows:
            for system, cell in zip(RESULTS[name].columns, row.cells, strict=True):
                found.setdefault((row.cells[0], system), set()).add(cell.replace("**", ""))
    assert [place for place, cells in found.items() if len(cells) > 1] == []


def test_a_run_takes_the_place_of_the_kept_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench: speed -->\n| old |\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.tables.FOLDER", tmp_path)
    monkeypatch.setattr("bench.tables.PAGES", (page,))
    result = Result(
        "make", "a machine", None, "2026-01-01", [1], ["what", "ms"], [Row(["näher", "1.0"])]
    )
    write(result, Path("out/bench/speed.json"))
    main(["speed"])
    assert read(tmp_path / "speed.json") == result
    table = "| what | ms |\n| --- | --- |\n| näher | 1.0 |"
    expected = f"<!-- bench: speed -->\n\n{table}\n\n<!-- end -->\n"
    assert page.read_text(encoding="utf-8") == expected
