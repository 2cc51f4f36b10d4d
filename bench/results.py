"""The kept result of a benchmark: one JSON file for each table, and the Markdown of the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
"""The published results, which the tables of the docs are made of."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        cells: what the table shows.
        values: the unrounded values behind the cells.
    """

    cells: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One table, and how it was measured.

    Attributes:
        command: what was run.
        machine: the processor, cores, memory and versions.
        commit: of foretell; None where it is not known.
        date: the day of the run in ISO format; of a transcribed table without one, the day on
            which it was published.
        seeds: of the trainings.
        columns: the table's head.
        rows: in the order of the table.
        transcribed: the cells are copied from a table published before results were kept, so no
            unrounded values are known.
    """

    command: str
    machine: str
    commit: str | None
    date: str
    seeds: Sequence[int]
    columns: Sequence[str]
    rows: Sequence[Row] = ()
    transcribed: bool = False


def write(result: Result, path: Path) -> None:
    """Write a result as JSON, each row on a line of its own."""
    head = asdict(result)
    rows = ",\n".join(_json(row) for row in head.pop("rows"))
    fields = ",\n".join(f'"{name}": {_json(value)}' for name, value in head.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f'{{\n{fields},\n"rows": [\n{rows}\n]\n}}\n', encoding="utf-8")
    temporary.replace(path)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def read(path: Path) -> Result:
    """Return the result in a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in content.pop("rows")]
    return Result(**content, rows=rows)


def head_of(columns: Iterable[str]) -> str:
    """Return the head of a Markdown table, two lines."""
    names = list(columns)
    return f"{line_of(names)}\n|{' --- |' * len(names)}"


def line_of(cells: Iterable[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def markdown(result: Result) -> str:
    """Return the table as Markdown, without a line end after its last row."""
    return "\n".join([head_of(result.columns), *(line_of(row.cells) for row in result.rows)])
