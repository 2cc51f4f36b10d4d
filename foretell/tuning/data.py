"""The data of a search: read once by the driver, and written to a folder from which every worker reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.config import Job, LabelsSettings, Settings
from foretell.data.checks import check_learnable
from foretell.data.corpus import Corpus, open_corpus
from foretell.data.examples import Examples
from foretell.data.options import PYTHON, Arguments
from foretell.data.split import Split, make_split
from foretell.errors import UsageError

_LABELS, _TRAIN, _VALID = "labels.json", "train.txt", "valid.txt"
_SAMPLE, _SAMPLE_WORDS = 60, 10


@dataclass(frozen=True, kw_only=True)
class LabelsData:
    """Texts with labels.

    Attributes:
        examples: the labelled texts, from which each trial splits its validation texts.
        valid: a validation set of the user's own, or None.
        unlabelled: texts without labels.
    """

    examples: Examples
    valid: Examples | None = None
    unlabelled: tuple[str, ...] = ()
    job: Job = "labels"

    @property
    def name(self) -> str:
        """What to call the data."""
        return self.examples.name

    def split(self, settings: LabelsSettings) -> Split:
        """Return the split of a training, the same for equal `valid_fraction`, `folds` and `seed`."""
        return make_split(
            self.examples,
            valid=self.valid,
            fraction=settings.fraction_for(len(self.examples)),
            seed=settings.seed,
            unlabelled=self.unlabelled,
        )

    def check(self, settings: Settings, arguments: Arguments = PYTHON) -> None:
        """Check that a classifier can be trained and measured on the data.

        Raises:
            DataError: it cannot be learned from.
            UsageError: no text would be left to measure on.
        """
        assert isinstance(settings, LabelsSettings)
        check_learnable(self.examples, arguments)
        if self.split(settings).valid is None and not settings.has_members:
            raise _nothing_to_measure_on()

    def notes(self, settings: Settings) -> list[str]:
        """Return what was guessed, dropped or removed, one sentence each."""
        assert isinstance(settings, LabelsSettings)
        of_valid = [] if self.valid is None else self.valid.notes
        return [*self.examples.notes, *of_valid, *self.split(settings).notes]

    def digest(self) -> str:
        """Return a SHA-256 of all texts and labels."""
        return hashlib.sha256(self._content()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write the data for `read_data`."""
        (folder / _LABELS).write_bytes(self._content())

    def sample(self) -> list[str]:
        """Return some texts, to measure the latency of predictions with."""
        texts = self.examples.texts
        step = max(1, len(texts) // _SAMPLE)
        return texts[::step][:_SAMPLE]

    def _content(self) -> bytes:
        parts = {
            "train": _plain(self.examples),
            "valid": None if self.valid is None else _plain(self.valid),
            "unlabelled": list(self.unlabelled),
        }
        # ASCII: a text can hold half of a surrogate pair, which UTF-8 cannot encode.
        return json.dumps(parts, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, kw_only=True)
class WordsData:
    """Plain text.

    Attributes:
        corpus: the text.
        valid: validation text; None: the end of the corpus.
    """

    corpus: Corpus
    valid: Corpus | None = None
    job: Job = "words"

    @property
    def name(self) -> str:
        """What to call the data."""
        return self.corpus.name

    def check(self, settings: Settings) -> None:
        """Check that a language model can be measured on the text.

        Raises:
            DataError: the text cannot be read.
            UsageError: no text would be left to measure on.
        """
        if self.valid is None and not settings.valid_fraction:
            raise _nothing_to_measure_on()
        self.corpus.digest()

    def notes(self, settings: Settings) -> list[str]:
        """Return what was guessed or left out, one sentence each."""
        del settings
        return [*self.corpus.notes, *([] if self.valid is None else self.valid.notes)]

    def digest(self) -> str:
        """Return a SHA-256 of the text and the validation text."""
        of_valid = "" if self.valid is None else self.valid.digest()
        return hashlib.sha256(f"{self.corpus.digest()} {of_valid}".encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write the data for `read_data`."""
        for name, corpus in ((_TRAIN, self.corpus), (_VALID, self.valid)):
            if corpus is not None:
                with (folder / name).open("w", encoding="utf-8", newline="\n") as file:
                    file.writelines(f"{line}\n" for line in corpus)

    def sample(self) -> list[str]:
        """Return some beginnings of lines, to measure the latency of predictions with."""
        found: list[str] = []
        for line in self.corpus:
            found.append(" ".join(line.split()[:_SAMPLE_WORDS]))
            if len(found) == _SAMPLE:
                break
        return found


Data = LabelsData | WordsData


def read_data(folder: Path) -> Data:
    """Read what `write` wrote."""
    if (folder / _LABELS).exists():
        parts = json.loads((folder / _LABELS).read_bytes())
        valid = parts["valid"]
        return LabelsData(
            examples=Examples(**parts["train"]),
            valid=None if valid is None else Examples(**valid),
            unlabelled=tuple(parts["unlabelled"]),
        )
    valid_path = folder / _VALID
    return WordsData(
        corpus=open_corpus(folder / _TRAIN), valid=open_corpus(valid_path) if valid_path.exists() else None
    )


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the data, for workers that cannot reach the folder."""
    for name in (_LABELS, _TRAIN, _VALID):
        if (folder / name).exists():
            yield name, (folder / name).read_bytes()


def _plain(examples: Examples) -> dict[str, Any]:
    return {
        "texts": examples.texts,
        "labels": examples.labels,
        "name": examples.name,
        "weights": examples.weights,
    }


def _nothing_to_measure_on() -> UsageError:
    return UsageError(
        expected="validation data, by which trials are compared",
        found="none (no texts are set aside, or too few are there)",
        where="valid-fraction",
        fix="set it to 0.1, give --valid, or choose --preset base",
    )
