"""How a survey reads its sources."""

from __future__ import annotations

from dataclasses import dataclass

from foretell.data.records import PYTHON, Arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read a source: as `foretell.data.examples.read_examples` takes it."""

    text: str | None = None
    label: str | None = None
    format: str | None = None
    arguments: Arguments = PYTHON
    multi_label: str = ""
    header_row: int | None = None
    sheet: str | None = None
