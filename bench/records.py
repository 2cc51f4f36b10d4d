"""Records (a text and its label) of the data sets that benchmarks use, and the files that foretell reads."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.commands import environment
from bench.requirements import archive

Records = list[tuple[str, str]]
"""Texts with their labels."""

FEW_LABELS = ("TREC", "MR", "CR", "banking77", "germeval18", "waimai", "thucnews")
"""The sets in few-labels.zip."""

IMDB = "IMDB"
"""Film reviews of about 200 words; the texts of `FEW_LABELS` are short."""


@dataclass(frozen=True)
class DataSet:
    """Records for training and for the test, and texts without labels of the same kind."""

    train: Records
    test: Records
    unlabelled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Files:
    """A data set written as files; `unlabelled` is None where it has no texts without labels."""

    train: Path
    test: Path
    unlabelled: Path | None

    @property
    def options(self) -> list[str | Path]:
        """The arguments of `foretell train labels` that name what is learned from."""
        more: list[str | Path] = [] if self.unlabelled is None else ["--unlabelled", self.unlabelled]
        return [self.train, *more]


def write(folder: Path, data: DataSet) -> Files:
    """Write a data set into a folder: train.csv, test.csv and, where it has any, unlabelled.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(
        folder / "train.csv", folder / "test.csv", folder / "unlabelled.jsonl" if data.unlabelled else None
    )
    write_csv(files.train, data.train)
    write_csv(files.test, data.test)
    if files.unlabelled is not None:
        lines = (json.dumps({"text": text}) + "\n" for text in data.unlabelled)
        files.unlabelled.write_text("".join(lines), encoding="utf-8")
    return files


def write_csv(path: Path, records: Records) -> None:
    """Write records as a CSV file with the columns text and label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *records])


def imdb(part: Literal["train", "test"]) -> Records:
    """Return IMDB's reviews of one part, in the order of their paths: those of each label together."""
    from foretell.data import named

    os.environ.update(environment())
    reviews = named.imdb(part)
    return list(zip(reviews.texts, reviews.labels, strict=True))


def few_labels(name: str) -> DataSet:
    """Return the labelled texts of one of `FEW_LABELS`, or of `IMDB`; `unlabelled` is empty."""
    if name == IMDB:
        return DataSet(imdb("train"), imdb("test"))
    with zipfile.ZipFile(archive("few-labels.zip")) as file:
        return DataSet(_of_archive(file, f"{name}.train.csv"), _of_archive(file, f"{name}.test.csv"))


def _of_archive(file: zipfile.ZipFile, name: str) -> Records:
    with file.open(name) as binary:
        rows = csv.DictReader(io.TextIOWrapper(binary, encoding="utf-8", newline=""))
        return [(row["text"], row["label"]) for row in rows]


def texts_of(records: Records) -> list[str]:
    """Return the texts of records."""
    return [text for text, _ in records]


def labels_of(records: Records) -> list[str]:
    """Return the labels of records."""
    return [label for _, label in records]


def accuracy(predicted: Sequence[str], records: Records) -> float:
    """Return the share of records whose label was predicted."""
    pairs = zip(predicted, labels_of(records), strict=True)
    return sum(label == expected for label, expected in pairs) / len(records)
