"""What the tests of the command line share: tiny settings, small texts, the answer of a command."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

TINY = {
    "FORETELL_UNITS": "8",
    "FORETELL_EMBEDDING_SIZE": "8",
    "FORETELL_EPOCHS": "1",
    "FORETELL_MIN_STEPS": "4",
    "FORETELL_STREAMS": "2",
    "FORETELL_WINDOW": "5",
}
NOTES = [
    "The mind adapts and converts to its own purposes the obstacle .",
    "What stands in the way becomes the way .",
]


@dataclass
class Answer:
    """What one command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


def reviews() -> Iterator[str]:
    generator = random.Random(1)
    for number in range(40):
        label = ("positive", "negative")[number % 2]
        words = {"positive": ["good", "great", "lovely"], "negative": ["bad", "awful", "dull"]}[label]
        yield f'"{generator.choice(words)} thing, number {number},\nwith a second line",{label}\n'


def tickets() -> Iterator[tuple[str, str]]:
    for number in range(30):
        yield (("prints", "hardware"), ("crashes", "software"), ("bills", "finance"))[number % 3]
