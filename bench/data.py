"""Data of the benchmarks: records (a text and its label) of real sets, their files, texts of given
sizes.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from bench.harness import archive, environment

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
        more: list[str | Path] = (
            [] if self.unlabelled is None else ["--unlabelled", self.unlabelled]
        )
        return [self.train, *more]


def write(folder: Path, data: DataSet) -> Files:
    """Write a data set into a folder: train.csv, test.csv and, where it has any,
    unlabelled.jsonl.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unlabelled = folder / "unlabelled.jsonl" if data.unlabelled else None
    write_csv(folder / "train.csv", data.train)
    write_csv(folder / "test.csv", data.test)
    if unlabelled is not None:
        lines = (json.dumps({"text": text}) + "\n" for text in data.unlabelled)
        unlabelled.write_text("".join(lines), encoding="utf-8")
    return Files(folder / "train.csv", folder / "test.csv", unlabelled)


def write_csv(path: Path, records: Records) -> None:
    """Write records as a CSV file with the columns text and label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *records])


def imdb(part: Literal["train", "test"]) -> Records:
    """Return IMDB's reviews of one part, in the order of their paths: those of each label
    together.
    """
    from foretell.data import named

    os.environ.update(environment())
    return [(record.text, record.label or "") for record in named.imdb(part)]


def few_labels(name: str) -> DataSet:
    """Return the labelled texts of one of `FEW_LABELS`, or of `IMDB`; `unlabelled` is empty."""
    if name == IMDB:
        return DataSet(imdb("train"), imdb("test"))
    with zipfile.ZipFile(archive("few-labels.zip")) as file:
        return DataSet(
            _of_archive(file, f"{name}.train.csv"), _of_archive(file, f"{name}.test.csv")
        )


def arxiv(part: Literal["train", "test"]) -> Records:
    """Return the abstracts of one part and their categories, in the order of the file."""
    with lzma.open(archive(f"arxiv.{part}.csv.xz"), "rt", encoding="utf-8", newline="") as file:
        return _of_csv(file)


def _of_archive(file: zipfile.ZipFile, name: str) -> Records:
    with file.open(name) as binary:
        return _of_csv(io.TextIOWrapper(binary, encoding="utf-8", newline=""))


def _of_csv(lines: Iterable[str]) -> Records:
    return [(row["text"], row["label"]) for row in csv.DictReader(lines)]


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


# ---- Texts of given sizes

REVIEW_WORDS = 200


def sample_reviews(count: int) -> list[str]:
    """Return `count` texts of exactly 200 words, cut from the reviews that ship with foretell."""
    text = files("foretell.samples").joinpath("reviews.csv").read_text(encoding="utf-8")
    words = [word for row in csv.DictReader(io.StringIO(text)) for word in row["text"].split()]
    starts = [17 * i % (len(words) - REVIEW_WORDS) for i in range(count)]
    return [" ".join(words[start : start + REVIEW_WORDS]) for start in starts]
