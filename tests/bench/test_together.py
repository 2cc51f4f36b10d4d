"""bench.together: the rate of the steps, the calculated table, and the whole on a tiny training."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.texts import zipf_text
from bench.together import bytes_of, rate_of
from tests.bench.conftest import Bench


def test_the_rate_is_that_of_the_steps_after_the_first_ones() -> None:
    lines = [{"step": step, "time": 100.0 + (50 if step < 20 else 0.5 * step)} for step in range(5, 101, 5)]
    # The line of the epoch follows the validation.
    lines.append({"step": 100, "time": 900.0})
    assert rate_of(lines, 560) == pytest.approx(560 / 0.5)


def test_the_bytes_of_many_hosts() -> None:
    assert bytes_of(2, 10.0) == 10.0
    assert bytes_of(8, 100.0, 10.0) == pytest.approx(175 + 70)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_all_tables(bench: Bench, tmp_path: Path) -> None:
    # The trainings are processes of their own, which refuse the tiny reviews of the other tests.
    text = tmp_path / "notes.txt"
    text.write_text(zipf_text(40_000, words=2_000), encoding="utf-8")
    tables = bench(
        "together", "--steps", "60", "--repeats", "1", "--minutes", "1", "--text", str(text),
        "--averages", "1", "4",
    )  # fmt: skip
    assert [row[:3] for row in tables["together"]] == [
        ["one", "1", "16"],
        ["weak", "2", "32"],
        ["strong", "2", "16"],
        ["apart", "2", "32"],
    ]
    assert [row[:2] for row in tables["together_hosts"]] == [
        [str(hosts), every] for hosts in (8, 16, 64) for every in ("1", "32")
    ]
    assert {tuple(row[:2]) for row in tables["together_averages"]} == {("1", "1"), ("2", "1"), ("2", "4")}
