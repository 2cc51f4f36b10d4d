"""What the tests of the command line share: tiny settings, small texts, the answer of a command."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TINY = {
    "FORETELL_UNITS": "8",
    "FORETELL_EMBEDDING_SIZE": "8",
    "FORETELL_EPOCHS": "1",
    "FORETELL_MIN_STEPS": "4",
    "FORETELL_FOLDS": "0",
    "FORETELL_TRIALS": "1",
    "FORETELL_STREAMS": "2",
    "FORETELL_WINDOW": "5",
}
NOTES = [
    "The mind adapts and converts to its own purposes the obstacle .",
    "What stands in the way becomes the way .",
]


@dataclass
class Answer:
    """The exit code and the output of one command."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


def settings_of(model: Path) -> dict[str, object]:
    return json.loads((model / "config.json").read_text())["settings"]


def reviews() -> Iterator[str]:
    generator = random.Random(1)
    for number in range(40):
        label = ("positive", "negative")[number % 2]
        words = {"positive": ["good", "great", "lovely"], "negative": ["bad", "awful", "dull"]}[
            label
        ]
        yield f'"{generator.choice(words)} thing, number {number},\nwith a second line",{label}\n'


def tickets() -> Iterator[tuple[str, str]]:
    for number in range(30):
        yield (("prints", "hardware"), ("crashes", "software"), ("bills", "finance"))[number % 3]


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """Return what a command wrote as JSON Lines or as CSV."""
    assert answer.code == 0, answer.err
    if answer.out.startswith("{"):
        return [json.loads(line) for line in answer.out.splitlines()]
    return list(csv.DictReader(io.StringIO(answer.out, newline="")))


def report_of(answer: Answer) -> dict[str, Any]:
    """Return the one JSON object that a command wrote."""
    (row,) = rows_of(answer)
    return row


def as_stdin(text: str | bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BytesIO(text if isinstance(text, bytes) else text.encode()), encoding="utf-8"
    )
