"""Files of rows that the tests read, and the rows that a run has written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builders import TEXT

from foretell.cluster.shard import Shard
from foretell.cluster.shards import open_shard, plan
from foretell.cluster.storage import input_files
from foretell.data.records import ReadOptions, Record

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


def shards_of(path: Path, size: int, options: ReadOptions | None = None) -> list[Shard]:
    return plan(input_files([path]), options or ReadOptions(), None, size)[0]


def texts_of(shards: list[Shard]) -> list[str]:
    return [record.text for shard in shards for record, _ in open_shard(shard)]


def records_of(shards: list[Shard]) -> list[tuple[Record, bool]]:
    return [(record, bool(problem)) for shard in shards for record, problem in open_shard(shard)]
