"""Two checkouts are measured in turns (see `conftest.py`)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.side_by_side import Checkout
from tests.bench.conftest import Bench

pytestmark = pytest.mark.soak


def test_side_by_side(bench: Bench, tmp_path: Path) -> None:
    # The environment of this checkout stands for both.
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / ".venv").symlink_to(sys.prefix)
    rows = bench("side_by_side", "other", "--turns", "1", "--preset", "article", ITERATIONS=4, BATCH=8)[
        "side_by_side"
    ]
    assert len(rows) == 6
    assert all(row[1].endswith(" ms") and row[2].endswith(" ms") and float(row[3]) > 0 for row in rows)


def test_a_checkout_without_an_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="run `make install` in"):
        Checkout(tmp_path, tmp_path / "models")
