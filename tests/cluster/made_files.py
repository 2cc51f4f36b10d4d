"""Files of rows that the tests read, and the rows that a run has written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builders import TEXT

WORDS = TEXT.split()


def text_of(number: int) -> str:
    """Return a text that no other number has."""
    return " ".join(
        [*(WORDS[(number * 7 + i * i) % len(WORDS)] for i in range(number % 9)), str(number)]
    )


def write_jsonl(path: Path, rows: int, first: int = 0) -> Path:
    """Write rows with the columns id, text and label."""
    records = (
        {"id": number, "text": text_of(number), "label": ("bad", "good")[number % 3 == 0]}
        for number in range(first, first + rows)
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def rows_in(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a finished run, in the order of its manifest, which lists all that is
    there.
    """
    manifest = json.loads((out / "_foretell" / "manifest.json").read_text())
    parts = [out / each["part"] for each in manifest["parts"]]
    assert sorted(parts) == sorted(each for each in out.iterdir() if each.name != "_foretell")
    for part in parts:
        yield from rows_of(part)


def rows_of(part: Path) -> list[dict[str, Any]]:
    with part.open(newline="") as file:
        return (
            list(csv.DictReader(file))
            if part.suffix == ".csv"
            else [json.loads(line) for line in file]
        )
