"""The journal: every answer on disk before the next text is shown, in a file of JSON Lines that
only grows.

The first line has the format, the labels and the seed. Every further line is one answer, or undoes
a decision, or adds labels. An incomplete last line, which a power failure leaves, is dropped
when the journal is opened again; a damaged line elsewhere is an error, since what follows it cannot
be trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, TypeVar, get_args

from foretell.artifacts.manifest import json_object
from foretell.artifacts.replacement import sync_directory
from foretell.errors import DataError, ForetellError, UsageError
from foretell.training.run_lock import lock

T = TypeVar("T")
Kind = Literal["label", "skip", "none", "unclear"]
"""label: the text has this label. none: no label applies. unclear: the text does not show which
label applies. skip: no answer."""

Part = Literal["train", "test"]
"""test: the text was drawn at random, and is never trained on."""

FORMAT = 1
_KIND = "foretell answers"
_HEAD = f'{{"kind": "{_KIND}"'.encode()
_MAX_LABELS = 1_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer about one text.

    Attributes:
        text: the text.
        kind: "label", "skip", "none" or "unclear".
        label: the label, where the kind is "label"; None otherwise.
        part: "train", or "test" for a text that was drawn at random.
        suggested: the label that was shown as a suggestion; None: none was shown.
        by: who answered; may be empty.
        at: when, in UTC, as ISO 8601.
        batch: the number of the decision, from 1: texts that were labelled at once share it.
    """

    text: str
    kind: Kind
    label: str | None = None
    part: Part = "train"
    suggested: str | None = None
    by: str = ""
    at: str = ""
    batch: int = 0


class Journal:
    """The answers about some texts. One process at a time may have a journal open.

    Parameters and errors are those of `foretell.annotate`.

    Attributes:
        labels: the names of the labels, in the order in which they were given.
        seed: of the texts that are drawn at random.
        answers: the answers that were not undone, in order.
        notes: what was dropped while the file was read, one sentence each.
    """

    def __init__(
        self, path: str | Path, labels: Sequence[str] | None = None, seed: int | None = None
    ) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        self.labels: list[str] = []
        self.seed = 0
        self.answers: list[Answer] = []
        self._batch = self._end = 0
        if not self.path.exists():
            checked_labels(labels, str(path))
        self._file = _locked(self.path)
        try:
            lines = self._read()
            # An empty file, or half a first line: nothing was answered yet.
            if lines:
                self._replay(lines)
                self._add_labels(labels, seed)
            else:
                self.labels = checked_labels(labels, str(path))
                self.seed = seed or 0
                self._write(
                    [{"kind": _KIND, "format": FORMAT, "labels": self.labels, "seed": self.seed}]
                )
                sync_directory(self.path.absolute().parent)
        except BaseException:
            self.close()
            raise

    def append(self, answers: Iterable[Answer]) -> list[Answer]:
        """Write the answers of one decision, and return them with their time and number.

        They are on disk when this returns, and not at all after an error.
        """
        written = [replace(each, batch=self._batch + 1, at=_now()) for each in answers]
        if written:
            self._write([asdict(each) for each in written])
            self._batch += 1
            self.answers += written
        return written

    def undo(self, by: str = "") -> list[Answer]:
        """Undo the last decision of a person that was not undone, and return its answers; none:
        there is none.
        """
        decisions = [each.batch for each in self.answers if each.by == by]
        if not decisions:
            return []
        self._write([{"undo": decisions[-1], "by": by, "at": _now()}])
        return self._take_back(decisions[-1])

    def close(self) -> None:
        """Close the file. Calling it again does nothing."""
        self._file.close()

    def _take_back(self, batch: int) -> list[Answer]:
        undone = [each for each in self.answers if each.batch == batch]
        self.answers = [each for each in self.answers if each.batch != batch]
        return undone

    def _write(self, records: Iterable[Mapping[str, object]]) -> None:
        """Append whole lines, or nothing."""
        left = memoryview("".join(json.dumps(record) + "\n" for record in records).encode("ascii"))
        end = self._end + len(left)
        if self._file.closed:
            raise _not_written(self.path, "one that is closed")
        try:
            mine = os.fstat(self._file.fileno())
            if not self.path.exists() or not os.path.samestat(mine, self.path.stat()):
                raise OSError("one that was deleted or replaced while it was open")
            self._cut()
            self._file.seek(self._end)
            while left:
                # Unbuffered: a full disk takes a part and then raises. A buffer would write the
                # rest later.
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # Where this fails too, the next call begins with it.
            with contextlib.suppress(OSError):
                self._cut()
            raise _not_written(self.path, error.strerror or str(error)) from error
        self._end = end

    def _cut(self) -> None:
        """Cut off what a failed write has left after the last whole line."""
        if os.fstat(self._file.fileno()).st_size > self._end:
            self._file.truncate(self._end)
            os.fsync(self._file.fileno())

    def _read(self) -> list[dict[str, object]]:
        """Return the content of each line, and cut off an incomplete last one."""
        content = self._file.read()
        if not _HEAD.startswith(content[: len(_HEAD)]):
            # Never cut off anything of a file that is not ours.
            raise self._damaged("another file")
        lines: list[dict[str, object]] = []
        while self._end < len(content):
            end = content.find(b"\n", self._end) + 1
            record = json_object(content[self._end : end - 1])
            if record is None or not end:
                # NULs may stand where the file system had not yet written what was appended.
                if end and content[end:].strip(b"\0\n"):
                    raise self._damaged("something else", len(lines) + 1)
                self._cut()
                self.notes.append(f"{self.path}: dropped an incomplete last line")
                break
            lines.append(record)
            self._end = end
        return lines

    def _replay(self, lines: Sequence[dict[str, object]]) -> None:
        head = lines[0]
        if head.get("kind") != _KIND or head.get("format") != FORMAT:
            raise self._damaged(f"another file, or format {head.get('format')!r:.60}")
        for number, record in enumerate(lines, start=1):
            try:
                if number == 1:
                    self.seed = _typed(record["seed"], int)
                self._take_up(record)
            except (KeyError, TypeError) as error:
                raise self._damaged("other fields", number) from error
            except ValueError as error:
                raise self._damaged(str(error), number) from error
        if len({each.text for each in self.answers}) < len(self.answers):
            raise self._damaged("two answers about one text")

    def _take_up(self, record: dict[str, object]) -> None:
        """Do what a line says; raise TypeError or ValueError if it cannot be one."""
        if "labels" in record:
            self.labels += [_typed(label, str) for label in _typed(record["labels"], list)]
        elif "undo" not in record:
            self._add(Answer(**record))  # type: ignore[arg-type]
        elif not self._take_back(_typed(record["undo"], int)):
            raise ValueError("an undo of a decision that is not there")

    def _add(self, answer: Answer) -> None:
        """Take up an answer that was read; raise as `_take_up`."""
        for each in (answer.text, answer.by, answer.at, answer.label or "", answer.suggested or ""):
            _typed(each, str)
        if answer.kind not in get_args(Kind) or answer.part not in get_args(Part):
            raise TypeError
        if (answer.kind == "label") != (answer.label in self.labels):
            raise ValueError("a label that the journal does not have")
        if _typed(answer.batch, int) < max(self._batch, 1):
            raise ValueError("the number of an earlier decision")
        self.answers.append(answer)
        self._batch = answer.batch

    def _add_labels(self, labels: Sequence[str] | None, seed: int | None) -> None:
        """Compare what was asked for with the file, and add the new labels to it."""
        if seed is not None and seed != self.seed:
            raise UsageError(
                f"the seed of the journal ({self.seed})",
                seed,
                where="seed",
                fix="leave it out",
            )
        if labels is None:
            return
        given = checked_labels(labels, str(self.path))
        if missing := [label for label in self.labels if label not in given]:
            raise UsageError(
                f"the labels of {self.path} ({', '.join(self.labels)[:200]})",
                f"no {missing[0]!r}",
                where="labels",
                fix="leave the labels out, or choose another name for the answers",
            )
        if new := [label for label in given if label not in self.labels]:
            self._write([{"labels": new}])
            self.labels += new

    def _damaged(self, found: str, line: int = 0) -> DataError:
        """Return the error of a line, or of the whole file."""
        expected = f"a journal of answers of format {FORMAT}"
        where = str(self.path)
        fix = "choose another name for the answers"
        if line:
            expected = f"a line of {expected}"
            where = f"{where}, line {line}"
            fix = "restore the file from a copy, or remove the line"
        return DataError(expected, found, where=where, fix=fix)


def checked_labels(labels: Sequence[str] | None, where: str) -> list[str]:
    """Return the names of labels without the white space around them: two or more, all
    different.
    """
    names = [str(label).strip() for label in labels or ()]
    if not 2 <= len(names) <= _MAX_LABELS or not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"2 to {_MAX_LABELS:,} labels, all different",
            ", ".join(map(repr, names))[:200] or "none",
            where=where,
            fix="give the labels, such as --labels good,bad",
        )
    return names


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _typed(value: object, kind: type[T]) -> T:
    # Not a subclass: true is no number, and Infinity, which JSON of Python has, no whole one.
    if type(value) is not kind:
        raise TypeError
    return value


def _locked(path: Path) -> IO[bytes]:
    try:
        # Made where there is none, and never emptied. A device or a pipe has no end, or none that
        # is ours.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        file = open(os.open(path, flags, 0o644), "r+b", buffering=0)  # noqa: PTH123, SIM115
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _not_written(path, "no regular file")
    if not lock(file):
        file.close()
        raise ForetellError(
            "a journal that no other process has open",
            "another process that does",
            where=path,
            fix="end it, or choose another name for the answers",
        )
    return file


def _not_written(path: Path, found: str) -> ForetellError:
    return ForetellError(
        "a journal that can be written",
        found,
        where=path,
        fix="check the folder and the free space",
    )
