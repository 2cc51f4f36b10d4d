"""A classifier on records of our own: trained as a user does, and measured whole and in its parts."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.commands import foretell

Records = list[tuple[str, str]]
"""Texts with their labels."""


@dataclass(frozen=True)
class Files:
    """Records written as files."""

    learned: Path
    tested: Path
    unlabelled: Path | None


@dataclass(frozen=True)
class Measured:
    """Accuracies on the tested records, and the seconds of the training."""

    whole: float
    network: float
    linear: float
    seconds: float


def write(folder: Path, learned: Records, tested: Records, unlabelled: Sequence[str] = ()) -> Files:
    """Write records to learn from, records to test on and texts without labels into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("learned", learned), ("tested", tested)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    path = folder / "unlabelled.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in unlabelled), encoding="utf-8")
    return Files(folder / "learned.csv", folder / "tested.csv", path if unlabelled else None)


def measure(files: Files, out: Path, *options: str) -> Measured:
    """Train by the command line into `out`, over what may be there, and test the model and its parts."""
    import numpy as np

    from foretell.artifacts.model_directory import open_verified
    from foretell.data.examples import read_examples
    from foretell.runtime.labels import LabelsRuntime

    more = [] if files.unlabelled is None else ["--unlabelled", files.unlabelled]
    done = foretell("train", "labels", files.learned, *more, *options, "--out", out, "--restart")
    opened, examples = open_verified(out), read_examples(str(files.tested))

    def accuracy(calibration: dict[str, object] | None) -> float:
        runtime = LabelsRuntime.from_opened(dataclasses.replace(opened, calibration=calibration))
        found = np.array(runtime.labels)[runtime.predict_proba(examples.texts).argmax(axis=1)]
        return float(np.mean(found == np.array(examples.labels)))

    linear = {"network": 0.0, "linear": 1.0, "offsets": []}
    return Measured(accuracy(opened.calibration), accuracy(None), accuracy(linear), done.seconds)
