"""What the tests of the command line share: tiny settings, small texts, the answer of a command."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """Return the settings that a model directory records."""
    settings: dict[str, object] = json.loads((model / "config.json").read_text())["settings"]
    return settings


def reviews() -> Iterator[str]:
    generator = random.Random(1)
    for number in range(40):
        label = ("positive", "negative")[number % 2]
        words = {"positive": ["good", "great", "lovely"], "negative": ["bad", "awful", "dull"]}[label]
        yield f'"{generator.choice(words)} thing, number {number},\nwith a second line",{label}\n'


def tickets() -> Iterator[tuple[str, str]]:
    for number in range(30):
        yield (("prints", "hardware"), ("crashes", "software"), ("bills", "finance"))[number % 3]
