"""Files of rows that the tests read."""

from __future__ import annotations

import json
from pathlib import Path

from builders import TEXT

WORDS = TEXT.split()


def text_of(number: int) -> str:
    """Return a text that no other number has."""
    return " ".join([*(WORDS[(number * 7 + i * i) % len(WORDS)] for i in range(number % 9)), str(number)])


def write_jsonl(path: Path, rows: int, first: int = 0) -> Path:
    """Write rows with the columns id, text and label."""
    records = (
        {"id": number, "text": text_of(number), "label": ("bad", "good")[number % 3 == 0]}
        for number in range(first, first + rows)
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
