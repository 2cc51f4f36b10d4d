"""How much of a goal a test runs: a small part with `make test`, the whole with `make soak`."""

from __future__ import annotations

import os
from typing import Any

import pytest

SOAK_SECONDS = 3600
"""Time limit of one test of `make soak`."""


def sizes(small: int, whole: int, name: str = "count") -> Any:
    """Parametrize a test by `name`: the small size, and the whole, which is marked `soak`.

    FORETELL_SOAK_PART, a number from 0 to 1, takes this part of the whole.
    """
    part = max(small, part_of(whole))
    marks = [pytest.mark.soak, pytest.mark.timeout(SOAK_SECONDS)]
    return pytest.mark.parametrize(name, [small, pytest.param(part, marks=marks, id="whole")])


def part_of(whole: int) -> int:
    """Return the size that is asked for, at least 1."""
    return max(1, round(whole * float(os.environ.get("FORETELL_SOAK_PART", "1"))))


def report(goal: str, **metrics: object) -> None:
    """Print the metrics of a goal; `pytest -rP` shows them."""
    print(
        f"{goal}:",
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in metrics.items()),
    )
