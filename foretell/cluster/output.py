"""The output folder: parts, and the manifest that alone says which of them count.

=========================
============================================================================== part-00000-….jsonl
the rows of a shard, in the order of its input; other attempts have other names _foretell/run.json
the task, the input files and the shards: what the same command continues _foretell/done/00000.json
the line of the manifest of one shard, written after its part _foretell/manifest.json   every line,
written when all shards are done =========================
==============================================================================

Files are written to a temporary name, synced and renamed. Buckets cannot rename: there each attempt
has its own key, and the line of the manifest is written last. Arrow, pandas and Spark pass over
names that begin with "_".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foretell.arrays import Float32s
from foretell.artifacts.replacement import make_directories, typed
from foretell.cluster import storage
from foretell.cluster.rows import OutFormat
from foretell.cluster.shard import Shard
from foretell.cluster.storage import StoredFile, is_bucket, join, name_of
from foretell.errors import RunError
from foretell.training.run_lock import lock

if TYPE_CHECKING:
    from foretell.runtime.words.scoring import Score

Json = dict[str, Any]

FOLDER = "_foretell"
RUN = "run.json"
MANIFEST = "manifest.json"
LOCK = "lock"
FORMAT_VERSION = 1
_PART = re.compile(r"\.?part-\d{5}-[0-9a-f]{8}\.")
"""Names of the parts that workers write, finished or not: other files are somebody else's."""
_OTHER_OUT = "choose another --out, or delete the folder"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to do with each shard: the same for all workers, and written into the output folder.

    Attributes:
        command: "classify", "score" or "evaluate".
        model: SHA-256 of the model's manifest, which holds that of each of its files.
        out: address of the output folder; None: only metrics.
        columns: the names of the columns that are kept.
        names: the name of the column of each part of the answer.
    """

    command: Literal["classify", "score", "evaluate"]
    model: str = ""
    out: str | None = None
    out_format: OutFormat = "jsonl"
    keep_columns: bool = True
    abstain_below: float | None = None
    cache: int = 0
    columns: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A shard that is finished: the line of the manifest.

    Attributes:
        worker: host and process that did it.
        rows: rows read, each of which has one row in the output file.
        skipped: number of rows without an answer, by reason.
        part, size, sha256: name, bytes and digest of the output file; "" and 0 where none is
            written.
        evaluated: the label of each text that has one, and its probabilities; the score of a model
            for words; None: no evaluation, or a shard without a word that the model can predict.
    """

    ordinal: int
    worker: str
    rows: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    part: str = ""
    size: int = 0
    sha256: str = ""
    evaluated: tuple[list[str], Float32s] | Score | None = None


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An attempt that failed: why, in one line, and whether another would fail likewise."""

    reason: str
    is_final: bool = False


class Output:
    """The output folder of one run; an evaluation has none, and writes nothing.

    Attributes:
        done: the lines of the shards that are finished, by ordinal.
        resumed: the rows that an earlier run had finished.
    """

    def __init__(self, task: Task, shards: list[Shard], done: dict[int, Done]) -> None:
        self.address = task.out
        self.task = task
        self.shards = shards
        self.done = done
        self.resumed = sum(each.rows for each in done.values())

    @property
    def waiting(self) -> list[Shard]:
        """The shards that are not finished."""
        return [shard for shard in self.shards if shard.ordinal not in self.done]

    def add(self, line: Done) -> None:
        """Commit a shard: check that its part is there, then write its line."""
        if self.address:
            if not _has_part(self.address, line):
                raise RunError(
                    "an output folder that every node sees",
                    f"no {line.part} of the worker {line.worker} in it",
                    where=self.address,
                    fix="use a shared file system or a bucket for --out",
                )
            storage.put(
                join(self.address, FOLDER, "done", f"{line.ordinal:05d}.json"), _json(asdict(line))
            )
        self.done[line.ordinal] = line

    def finish(self) -> None:
        """Write the manifest and delete the parts of attempts that do not count."""
        if not self.address:
            return
        lines = [self.done[shard.ordinal] for shard in self.shards]
        manifest = {
            **_listed(self.task),
            "rows": sum(line.rows for line in lines),
            "files": list(dict.fromkeys(shard.file.file for shard in self.shards)),
            "parts": [asdict(line) for line in lines],
        }
        storage.put(join(self.address, FOLDER, MANIFEST), _json(manifest))
        counted = {line.part for line in lines}
        for each in storage.files_below(self.address, recursive=False):
            name = name_of(each.file)
            if _PART.match(name) and name not in counted:
                storage.remove(each.file)


@contextlib.contextmanager
def reserved(out: str | None, files: Sequence[StoredFile]) -> Iterator[None]:
    """Keep a folder for this command while the context is open; None: there is no output.

    It is empty or of an earlier run. On file systems of this machine a second command is refused.
    """
    fix = "free some space or check the permissions; the same command continues"
    with contextlib.ExitStack() as stack:
        if out is not None:
            stack.enter_context(
                typed(RunError, "an output folder that can be read and written", out, fix)
            )
            _check_place(out, files)
        if out is not None and not is_bucket(out):
            make_directories(Path(out) / FOLDER)
            if not lock(stack.enter_context((Path(out) / FOLDER / LOCK).open("ab"))):
                fix = "wait for it, or choose another --out"
                raise RunError(
                    "one command at a time", "another one that writes there", where=out, fix=fix
                )
        yield


def begin(task: Task, files: Sequence[StoredFile], shards: list[Shard]) -> Output:
    """Begin a run in the folder that is reserved, or continue the one that is there."""
    if (out := task.out) is None:
        return Output(task, shards, {})
    ends = [each.stop for each in shards]
    run = {"files": [asdict(each) for each in files], **_listed(task), "shards": ends}
    if (before := _read(join(out, FOLDER, RUN))) is None:
        storage.put(join(out, FOLDER, RUN), _json(run))
        before = run
    for name, value in run.items():
        if before.get(name) != value:
            shown = (
                f", {before.get(name)!r:.100}" if name not in ("model", "files", "shards") else ""
            )
            raise RunError(
                f"the {name} of the run that is there{shown}", "another", where=out, fix=_OTHER_OUT
            )
    stored = [each.file for each in storage.files_below(join(out, FOLDER, "done"))]
    # What a command that was killed has not renamed has another ending.
    lines = [_done(file) for file in stored if name_of(file).endswith(".json")]
    return Output(task, shards, {line.ordinal: line for line in lines if _has_part(out, line)})


def _check_place(out: str, files: Sequence[StoredFile]) -> None:
    """Check that a folder has no other files in it: neither the input, nor those of somebody
    else.
    """
    start = join(out, "").partition("?")[0].rstrip("/") + "/"
    others = [name_of(each.file) for each in files if each.file.startswith(start)]
    if storage.find(join(out, FOLDER, RUN)) is None:
        others += [name_of(each.file) for each in storage.files_below(out, recursive=False)]
    if others:
        found = ", ".join(others[:3])
        raise RunError(
            "an empty folder, or one that the same command began",
            f"other files in it ({found})",
            where=out,
            fix=_OTHER_OUT,
        )


def _has_part(out: str, line: Done) -> bool:
    try:
        with storage.open_file(join(out, line.part)) as part:
            return hashlib.file_digest(part, "sha256").hexdigest() == line.sha256
    except FileNotFoundError:
        return False


def _done(address: str) -> Done:
    """Return the line of a finished shard."""
    try:
        line = Done(**(_read(address) or {}))
        # Only numbers can be added.
        sum([line.ordinal, line.rows, line.size])
    except TypeError:
        raise _other(address) from None
    return line


def _other(address: str) -> RunError:
    return RunError(
        "JSON as this version writes it", "something else", where=address, fix=_OTHER_OUT
    )


def _listed(task: Task) -> Json:
    """Return the task as values that JSON can hold, without the address of the output."""
    return {"format_version": FORMAT_VERSION, **asdict(replace(task, out=None))}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def _read(address: str) -> Json | None:
    """Return the JSON object of a file; None: there is no file."""
    try:
        value = json.loads(storage.read_range(address, 0))
    except FileNotFoundError:
        return None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _other(address)
    return value
