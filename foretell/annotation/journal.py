"""The journal: every answer on disk before the next text is shown, in a file of JSON Lines that only grows.

The first line has the format, the labels and the seed. Every further line is one answer, or undoes the
answers of one decision, or adds labels. A line is synced before `append` returns. An incomplete last line,
which a power failure leaves, is dropped when the journal is opened again; a damaged line elsewhere is an
error, since what follows it cannot be trusted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from foretell.annotation.answers import KINDS, Answer
from foretell.artifacts.replacement import sync_directory
from foretell.errors import DataError, ForetellError, UsageError
from foretell.training.run_lock import lock

FORMAT = 1
_KIND = "foretell answers"
_MAX_LABELS = 1_000


class Journal:
    """The answers about some texts. One process at a time may have a journal open.

    Args:
        path: the file; it is made where there is none.
        labels: the names of the labels; None: those of the file. Labels that the file lacks are added to it.
        seed: of a new journal, for the texts that are drawn at random; None: 0. Another one than that of the
            file is an error.

    Attributes:
        labels: the names of the labels, in the order in which they were given.
        seed: the seed.
        answers: the answers that were not undone, in order.
        notes: what was dropped while the file was read, one sentence each.

    Raises:
        UsageError: a new journal without two labels or more, or another seed, or labels that the file has and
            `labels` lacks.
        DataError: the file is not a journal, or is damaged.
        ForetellError: another process has it open, or it cannot be written.
    """

    def __init__(
        self, path: str | Path, labels: Sequence[str] | None = None, seed: int | None = None
    ) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        self.labels: list[str] = []
        self.seed = 0
        self.answers: list[Answer] = []
        self._batch = 0
        is_new = not self.path.exists()
        if is_new:
            checked_labels(labels, str(path))
        self._file = _locked(self.path)
        try:
            # An empty file, or half a first line: nothing was answered yet.
            lines = self._read()
            if lines:
                self._replay(lines)
                self._add_labels(labels, seed)
            else:
                self.labels, self.seed = checked_labels(labels, str(path)), seed or 0
                head = {"kind": _KIND, "format": FORMAT, "labels": self.labels, "seed": self.seed}
                self._write([head])
                sync_directory(self.path.absolute().parent)
        except BaseException:
            self.close()
            raise

    def append(self, answers: Iterable[Answer]) -> list[Answer]:
        """Write the answers of one decision, and return them with their time and number.

        They are on disk when this returns.
        """
        batch, at = self._batch + 1, now()
        written = [replace(each, batch=batch, at=at) for each in answers]
        if written:
            self._write([asdict(each) for each in written])
            self._batch = batch
            self.answers += written
        return written

    def undo(self, by: str = "") -> list[Answer]:
        """Undo the last decision that was not undone, and return its answers; none: there is none.

        Args:
            by: who undoes it.
        """
        if not self.answers:
            return []
        batch = self.answers[-1].batch
        self._write([{"undo": batch, "by": by, "at": now()}])
        return self._take_back(batch)

    def close(self) -> None:
        """Close the file. Calling it again does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_back(self, batch: int) -> list[Answer]:
        undone = [each for each in self.answers if each.batch == batch]
        self.answers = [each for each in self.answers if each.batch != batch]
        return undone

    def _write(self, records: Sequence[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(record, ensure_ascii=True) + "\n" for record in records).encode("ascii")
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(lines)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            # A full disk: no part of a line may stay before the lines of later answers.
            self._file.truncate(end)
            raise _not_written(self.path, error) from error

    def _read(self) -> list[tuple[int, dict[str, Any]]]:
        """Return the number and content of each line, and cut off an incomplete last one."""
        content = self._file.read()
        lines: list[tuple[int, dict[str, Any]]] = []
        start = 0
        while start < len(content):
            end = content.find(b"\n", start) + 1
            record = _parsed(content[start : end - 1]) if end else None
            if not lines and not _may_be_head(content):
                # Never cut off anything of a file that is not ours.
                raise self._another_file()
            if record is None:
                # NULs may stand where the file system had not yet written what was appended.
                if end and content[end:].strip(b"\0\n"):
                    raise self._damaged(len(lines) + 1, "something else")
                self._file.truncate(start)
                self.notes.append(f"{self.path}: dropped an incomplete last line")
                break
            lines.append((len(lines) + 1, record))
            start = end
        return lines

    def _replay(self, lines: Sequence[tuple[int, dict[str, Any]]]) -> None:
        head = lines[0][1]
        if head.get("kind") != _KIND:
            raise self._another_file()
        if head.get("format") != FORMAT:
            raise DataError(
                expected=f"a journal of format {FORMAT}",
                found=repr(head.get("format")),
                where=str(self.path),
                fix="update foretell",
            )
        self._apply(1, lambda: self._set_head(head))
        for number, record in lines[1:]:
            self._apply(number, lambda record=record: self._add(record))

    def _apply(self, number: int, change: Any) -> None:
        try:
            change()
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(number, "other fields") from error

    def _set_head(self, head: dict[str, Any]) -> None:
        self.labels, self.seed = [str(label) for label in head["labels"]], int(head["seed"])

    def _add(self, record: dict[str, Any]) -> None:
        if "undo" in record:
            self._take_back(int(record["undo"]))
        elif "labels" in record:
            self.labels += record["labels"]
        else:
            answer = Answer(**record)
            if answer.kind not in KINDS or (answer.kind == "label") != (answer.label in self.labels):
                raise ValueError(answer.kind)
            self.answers.append(answer)
            self._batch = max(self._batch, answer.batch)

    def _add_labels(self, labels: Sequence[str] | None, seed: int | None) -> None:
        """Compare what was asked for with the file, and add the new labels to it."""
        if seed is not None and seed != self.seed:
            raise UsageError(
                expected=f"the seed of the journal ({self.seed})", found=str(seed), where="seed",
                fix="leave it out",
            )  # fmt: skip
        if labels is None:
            return
        given = checked_labels(labels, str(self.path))
        if missing := [label for label in self.labels if label not in given]:
            raise UsageError(
                expected=f"the labels of {self.path} ({', '.join(self.labels)[:200]})",
                found=f"no {missing[0]!r}",
                where="labels",
                fix="leave the labels out, or choose another name for the answers",
            )
        if new := [label for label in given if label not in self.labels]:
            self._write([{"labels": new}])
            self.labels += new

    def _another_file(self) -> DataError:
        return DataError(
            expected="a journal of answers",
            found="another file",
            where=str(self.path),
            fix="choose another name for the answers",
        )

    def _damaged(self, number: int, found: str) -> DataError:
        return DataError(
            expected="a line of a journal of answers", found=found, where=f"{self.path}, line {number}",
            fix="restore the file from a copy, or remove the line",
        )  # fmt: skip


def checked_labels(labels: Sequence[str] | None, where: str) -> list[str]:
    """Return the names of labels without the white space around them.

    Raises:
        UsageError: fewer than two, too many, an empty one, or one twice.
    """
    names = [label.strip() for label in labels or ()]
    problem = None
    if len(names) < 2:
        problem = "none" if not names else f"only {names[0]!r}"
    elif len(names) > _MAX_LABELS:
        problem = f"{len(names):,}, more than {_MAX_LABELS:,}"
    elif not all(names):
        problem = "an empty name"
    elif len(set(names)) < len(names):
        problem = f"{next(name for name in names if names.count(name) > 1)!r} twice"
    if problem is not None:
        raise UsageError(
            expected="two labels or more, all different",
            found=problem,
            where=where,
            fix="give the labels, such as --labels good,bad",
        )
    return names


def now() -> str:
    """Return the time in UTC, as ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _may_be_head(content: bytes) -> bool:
    """Whether a file begins as a journal does, as far as it goes."""
    start = f'{{"kind": "{_KIND}"'.encode()
    return start.startswith(content[: len(start)])


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _locked(path: Path) -> IO[bytes]:
    try:
        # Made where there is none, and never emptied.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        file = open(os.open(path, flags, 0o644), "r+b")  # noqa: PTH123, SIM115
    except OSError as error:
        raise _not_written(path, error) from error
    if not lock(file):
        file.close()
        raise ForetellError(
            expected="a journal that no other process has open", found="another process that does",
            where=str(path), fix="end it, or choose another name for the answers",
        )  # fmt: skip
    return file


def _not_written(path: Path, error: OSError) -> ForetellError:
    return ForetellError(
        expected="a journal that can be written", found=error.strerror or str(error), where=str(path),
        fix="check the folder and the free space",
    )  # fmt: skip
