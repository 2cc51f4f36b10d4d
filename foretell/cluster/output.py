"""The output folder: parts, and the manifest that alone says which of them count.

========================= ==============================================================================
part-00000-….parquet      the rows of a shard, in the order of its input; other attempts have other names
_foretell/run.json        the task, the input files and the shards: what the same command continues
_foretell/done/00000.json the line of the manifest of one shard, written after its part
_foretell/manifest.json   every line, written when all shards are done
========================= ==============================================================================

Files are written to a temporary name, synced and renamed. Buckets cannot rename: there each attempt has its
own key, and the line of the manifest is written last. Arrow, pandas and Spark pass over names that begin
with "_".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from foretell.artifacts.replacement import make_directories
from foretell.cluster import storage
from foretell.cluster.rows import OutFormat
from foretell.cluster.shards import Shard
from foretell.cluster.storage import StoredFile, absolute, is_bucket, join, name_of
from foretell.errors import RunError
from foretell.hashes import sha256_of
from foretell.training.run_lock import lock

Json = dict[str, Any]

FOLDER, RUN, MANIFEST, LOCK = "_foretell", "run.json", "manifest.json", "lock"
FORMAT_VERSION = 1
_OTHER_OUT = "choose another --out, or delete the folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to do with each shard: the same for all workers, and written into the output folder.

    Attributes:
        command: "classify", "score" or "evaluate".
        model: SHA-256 of the model's manifest, which holds that of each of its files.
        out: address of the output folder; None: only metrics.
        out_format: of the output files.
        keep_columns: whether the other columns of a record are kept.
        abstain_below: give no label below this probability; None: always give one.
        cache: words of a continuous cache.
        names: the name of the column of each part of the answer.
        schema: of the kept columns in Parquet; see `rows.schema_of`.
    """

    command: Literal["classify", "score", "evaluate"]
    model: str
    out: str | None = None
    out_format: OutFormat = "parquet"
    keep_columns: bool = True
    abstain_below: float | None = None
    cache: int = 0
    names: dict[str, str] = field(default_factory=dict)
    schema: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shard that is finished: the line of the manifest.

    Attributes:
        ordinal: of the shard.
        rows: rows read, each of which has one row in the output file.
        skipped: number of rows without an answer, by reason.
        worker: host and process that did it.
        part, size, sha256: name, bytes and digest of the output file; "" and 0 where none is written.
        evaluated: the score of the shard's text, or true labels and probabilities; None: no evaluation.
        notes: what was guessed or left out.
    """

    ordinal: int
    rows: int
    skipped: dict[str, int]
    worker: str
    part: str = ""
    size: int = 0
    sha256: str = ""
    evaluated: Any = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An attempt that failed: why, in one line, and whether another would fail likewise."""

    reason: str
    is_final: bool = False


class Output:
    """The output folder of one run; an evaluation has none, and writes nothing.

    Attributes:
        address: of the folder; None: none.
        task: what is done with each shard.
        shards: every shard of the run.
        done: the lines of the shards that are finished, by ordinal.
        resumed: the rows that an earlier run had finished.
    """

    def __init__(self, task: Task, shards: list[Shard], done: dict[int, Done]) -> None:
        self.address, self.task, self.shards, self.done = task.out, task, shards, done
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
                    expected="an output folder that every node sees",
                    found=f"no {line.part} of the worker {line.worker} in it",
                    where=self.address,
                    fix="use a shared file system or a bucket for --out",
                )
            storage.put(join(self.address, FOLDER, "done", f"{line.ordinal:05d}.json"), _json(asdict(line)))
        self.done[line.ordinal] = line

    def finish(self) -> None:
        """Write the manifest and delete the parts of attempts that do not count."""
        if not self.address:
            return
        lines = [self.done[shard.ordinal] for shard in self.shards]
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": _listed(self.task),
            "rows": sum(line.rows for line in lines),
            "files": list(dict.fromkeys(shard.file for shard in self.shards)),
            "parts": [asdict(line) for line in lines],
        }
        storage.put(join(self.address, FOLDER, MANIFEST), _json(manifest))
        counted = {line.part for line in lines}
        for each in storage.files_below(self.address, recursive=False):
            name = name_of(each.file)
            if name.startswith(("part-", ".part-")) and name not in counted:
                storage.remove(each.file)


@contextlib.contextmanager
def open_output(
    out: str, task: Task, files: Sequence[StoredFile], make_plan: Callable[[], tuple[Task, list[Shard]]]
) -> Iterator[Output]:
    """Begin a run in an output folder, or continue the one that is there; one command at a time.

    Args:
        out: the address of the folder.
        task: what is done with each shard, without the names and types of columns.
        files: the input.
        make_plan: returns the whole task and the shards; not called where a run is continued.
    """
    start = join(out, "").partition("?")[0].rstrip("/") + "/"
    if inside := [name_of(each.file) for each in files if each.file.startswith(start)]:
        raise RunError(
            expected="an output folder without input files", found=f"the input {inside[0]} in it", where=out,
            fix="choose another --out",
        )  # fmt: skip
    stored = [asdict(each) for each in files]
    if storage.find(join(out, FOLDER, RUN)) is None:
        _check_empty(out)
    with _locked(out):
        run = _read(join(out, FOLDER, RUN))
        if run is not None:
            _check_same(out, run, task, stored)
            named = replace(task, names=run["task"]["names"], schema=run["task"]["schema"])
            yield Output(named, [Shard(**values) for values in run["shards"]], _finished(out))
            return
        whole, shards = make_plan()
        run = {"format_version": FORMAT_VERSION, "task": _listed(whole), "files": stored}
        storage.put(join(out, FOLDER, RUN), _json(run | {"shards": [asdict(shard) for shard in shards]}))
        yield Output(whole, shards, {})


def _finished(out: str) -> dict[int, Done]:
    """Return the lines of the finished shards whose parts are there."""
    stored = [each.file for each in storage.files_below(join(out, FOLDER, "done"))]
    # What a command that was killed has not renamed has another ending.
    lines = [Done(**(_read(file) or {})) for file in stored if name_of(file).endswith(".json")]
    return {line.ordinal: line for line in lines if _has_part(out, line)}


def _has_part(out: str, line: Done) -> bool:
    part = storage.find(join(out, line.part))
    return part is not None and part.size == line.size


def _check_same(out: str, run: Json, task: Task, files: list[Json]) -> None:
    """Check that a run is of the same format, model, options and input."""
    found = run.get("files", [])
    now = {"format_version": FORMAT_VERSION, **_listed(task), "files": [each["file"] for each in files]}
    before = {**run, **run.get("task", {}), "files": [each["file"] for each in found]}
    for name in now.keys() - {"names", "schema"}:
        if before.get(name) != now[name]:
            expected, other = f"the {name} of the run that is there", "another"
            if name not in ("model", "files"):
                expected, other = f"{expected}, {before.get(name)!r}", repr(now[name])
            raise RunError(expected=expected, found=other, where=out, fix=_OTHER_OUT)
    for old, new in zip(found, files, strict=True):
        if old != new:
            expected, other = "the input as it was when the run began", "a file that has changed since"
            raise RunError(expected=expected, found=other, where=new["file"], fix=_OTHER_OUT)


def _check_empty(out: str) -> None:
    path = Path(out)
    if is_bucket(out):
        found = [name_of(each.file) for each in storage.files_below(out)]
    elif path.exists() and not path.is_dir():
        raise RunError(expected="a folder", found="a file", where=out, fix="choose another --out")
    else:
        found = sorted(each.name for each in path.iterdir()) if path.exists() else []
    # A run that was stopped before it had written its plan leaves only the lock.
    if names := [name for name in found if name not in (FOLDER, LOCK)]:
        raise RunError(
            expected="an empty folder, or one that the same command began",
            found=f"other files in it ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})",
            where=out,
            fix="choose another --out",
        )


@contextlib.contextmanager
def _locked(out: str) -> Iterator[None]:
    """Keep a second command out of a folder on this machine's file systems while the context is open."""
    if is_bucket(out):
        yield
        return
    folder = Path(out) / FOLDER
    make_directories(folder)
    try:
        with (folder / LOCK).open("ab") as file:
            if not lock(file):
                raise RunError(
                    expected="one command at a time", found="another one that writes there", where=out,
                    fix="wait for it, or choose another --out",
                )  # fmt: skip
            yield
    finally:
        # Where nothing was begun, nothing is left.
        if not (folder / RUN).exists():
            (folder / LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


def read_rows(out: str | Path) -> Iterator[Json]:
    """Yield every output row in the order of the input, as the manifest says; each part is verified first.

    Args:
        out: the folder that `--out` named.

    Raises:
        RunError: no run there, one that is not finished, or a part that has changed.
    """
    address = absolute(out)
    manifest = _read(join(address, FOLDER, MANIFEST))
    if manifest is None:
        begun = storage.find(join(address, FOLDER, RUN)) is not None
        raise RunError(
            expected="a finished run",
            found="one that is not finished" if begun else "none",
            where=address,
            fix="repeat the command that began it" if begun else "check the path",
        )
    for line in manifest["parts"]:
        yield from _part_rows(join(address, line["part"]), line["sha256"])


def _part_rows(part: str, sha256: str) -> Iterator[Json]:
    with storage.local_copy(part) as path:
        if not path.is_file() or sha256_of(path) != sha256:
            raise RunError(
                expected="the part as the manifest lists it", found="another content, or none", where=part,
                fix="repeat the command",
            )  # fmt: skip
        if part.partition("?")[0].endswith(".jsonl"):
            with path.open(encoding="utf-8", newline="\n") as file:
                yield from map(json.loads, file)
            return
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield from batch.to_pylist()


def _listed(task: Task) -> Json:
    """Return the task as values that JSON can hold, without the address of the output."""
    return {name: value for name, value in asdict(task).items() if name != "out"}


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
        raise RunError(expected="a JSON object", found="something else", where=address, fix=_OTHER_OUT)
    return value
