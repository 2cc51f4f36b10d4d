"""The answers as CSV, for `foretell train labels` and every other program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from foretell.annotation.answers import Answer
from foretell.artifacts.replacement import new_file, write_synced

COLUMNS = ("text", "label", "answer", "part", "suggested", "by", "at")


def to_csv(answers: Iterable[Answer]) -> str:
    """Return one row for each answer: text, label, answer, part, suggested, by, at.

    `label` is empty where the answer is skip, none or unclear, so that a training leaves these texts out.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in answers:
        writer.writerow(
            [each.text, each.label or "", each.kind, each.part, each.suggested or "", each.by, each.at]
        )
    return file.getvalue()


def write_csv(answers: Iterable[Answer], path: str | Path) -> None:
    """Write `to_csv` to a file, completely or not at all.

    Raises:
        ForetellError: the file cannot be written.
    """
    with new_file(Path(path)) as new:
        write_synced(new, to_csv(answers).encode("utf-8", "replace"))
