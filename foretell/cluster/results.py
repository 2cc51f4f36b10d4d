"""The output folder: parts, and the manifest that alone says which of them count.

========================= ==============================================================================
part-00000-….parquet      the rows of a shard, in the order of its input; other attempts have other names
_foretell/run.json        the task, the input files and the shards: what the same command continues
_foretell/done/00000.json the line of the manifest of one shard, written after its part
_foretell/manifest.json   every line, written when all shards are done
_foretell/log.jsonl       what happened: attempts, failures, notes of the workers
========================= ==============================================================================

Files are written to a temporary name, synced and renamed. Buckets cannot rename: there each attempt has its
own key, and the line of the manifest is written last. Arrow, pandas and Spark pass over names that begin
with "_".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretell.artifacts.replacement import make_directories
from foretell.cluster import storage
from foretell.cluster.addresses import absolute, is_bucket, join, name_of
from foretell.cluster.inputs import inside
from foretell.cluster.shards import Shard
from foretell.cluster.storage import StoredFile
from foretell.cluster.tasks import Done, Task
from foretell.errors import RunError

FOLDER = "_foretell"
RUN, MANIFEST, LOG, LOCK = "run.json", "manifest.json", "log.jsonl", "lock"
FORMAT_VERSION = 1
_OTHER_OUT = "choose another --out, or delete the folder"


class Output:
    """The output folder of one run.

    Attributes:
        address: of the folder.
        task: what is done with each shard.
        shards: every shard of the run.
        done: the lines of the shards that are finished, by ordinal.
        resumed: the rows that an earlier run had finished.
    """

    def __init__(self, address: str, task: Task, shards: list[Shard], done: dict[int, Done]) -> None:
        self.address, self.task, self.shards, self.done = address, task, shards, done
        self.resumed = sum(each.rows for each in done.values())
        self._events: list[dict[str, object]] = []

    @property
    def waiting(self) -> list[Shard]:
        """The shards that are not finished."""
        return [shard for shard in self.shards if shard.ordinal not in self.done]

    def add(self, line: Done) -> None:
        """Commit a shard: check that its part is there, then write its line.

        Raises:
            RunError: the part is not where the worker wrote it.
            OSError: the line cannot be written.
        """
        part = storage.find(join(self.address, line.part))
        if part is None or part.size != line.size:
            raise RunError(
                expected="an output folder that every node sees",
                found=f"no {line.part} of the worker {line.worker} in it",
                where=self.address,
                fix="use a shared file system or a bucket for --out",
            )
        storage.put(join(self.address, FOLDER, "done", _line_name(line.ordinal)), _json(line.to_dict()))
        self.done[line.ordinal] = line

    def log(self, event: dict[str, object]) -> None:
        """Add an event to the log; of a bucket `finish` writes it, since objects cannot grow."""
        if is_bucket(self.address):
            self._events.append(event)
        else:
            with Path(join(self.address, FOLDER, LOG)).open("ab") as file:
                file.write(_json(event))

    def close_log(self) -> None:
        """Write the log of a bucket."""
        if self._events:
            storage.put(join(self.address, FOLDER, LOG), b"".join(map(_json, self._events)))

    def finish(self) -> None:
        """Write the manifest and delete the parts of attempts that do not count.

        Raises:
            OSError: it cannot be written.
        """
        lines = [self.done[shard.ordinal] for shard in self.shards]
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": self.task.to_dict(),
            "rows": sum(line.rows for line in lines),
            "files": _listed_files(self.shards),
            "parts": [line.to_dict() for line in lines],
        }
        storage.put(join(self.address, FOLDER, MANIFEST), _json(manifest))
        counted = {line.part for line in lines}
        for file in storage.files_below(self.address, recursive=False):
            name = name_of(file.address)
            if name.startswith(("part-", ".part-")) and name not in counted:
                storage.remove(file.address)


class FiguresOnly(Output):
    """What stands for the output folder where only figures are wanted: nothing is written."""

    def __init__(self, task: Task, shards: list[Shard]) -> None:
        super().__init__("", task, shards, {})

    def add(self, line: Done) -> None:
        """Keep the line of a shard."""
        self.done[line.ordinal] = line

    def log(self, event: dict[str, object]) -> None:
        """Do nothing."""

    def close_log(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


def open_output(
    out: str | Path,
    task: Task,
    files: Sequence[StoredFile],
    make_plan: Callable[[], tuple[Task, list[Shard]]],
) -> Output:
    """Begin a run in an output folder, or continue the one that is there.

    Args:
        out: the folder.
        task: what is done with each shard, without the names and types of columns.
        files: the input.
        make_plan: returns the whole task and the shards; not called where a run is continued.

    Raises:
        RunError: the folder holds other files, or a run with another model, input or options.
        OSError: it cannot be read or written.
    """
    address = absolute(out)
    if (input_file := inside(address, files)) is not None:
        raise RunError(
            expected="an output folder without input files",
            found=f"the input {name_of(input_file.address)} in it",
            where=address,
            fix="choose another --out",
        )
    content = storage.read_whole(join(address, FOLDER, RUN))
    if content is not None:
        return _continued(address, _parsed(content, join(address, FOLDER, RUN)), task, files)
    _check_empty(address)
    whole, shards = make_plan()
    run = {
        "format_version": FORMAT_VERSION,
        "task": whole.to_dict(),
        "files": [_file_dict(each) for each in files],
        "shards": [shard.to_dict() for shard in shards],
    }
    storage.put(join(address, FOLDER, RUN), _json(run))
    return Output(address, whole, shards, {})


def _check_empty(address: str) -> None:
    if not is_bucket(address):
        path = Path(address)
        if path.exists() and not path.is_dir():
            raise RunError(expected="a folder", found="a file", where=address, fix="choose another --out")
        names = sorted(each.name for each in path.iterdir()) if path.is_dir() else []
    else:
        names = [name_of(each.address) for each in storage.files_below(address)]
    # A run that was stopped before it had written its plan leaves only the lock.
    names = [name for name in names if name not in (FOLDER, LOCK)]
    if names:
        raise RunError(
            expected="an empty folder, or one that the same command began",
            found=f"other files in it ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})",
            where=address,
            fix="choose another --out",
        )


def _continued(address: str, run: dict[str, Any], task: Task, files: Sequence[StoredFile]) -> Output:
    if run.get("format_version") != FORMAT_VERSION:
        raise RunError(
            expected=f"a run of format version {FORMAT_VERSION}",
            found=str(run.get("format_version")),
            where=address,
            fix=_OTHER_OUT,
        )
    _check_same_task(address, run["task"], task.to_dict())
    _check_same_files(address, run["files"], [_file_dict(each) for each in files])
    shards = [Shard.from_dict(values) for values in run["shards"]]
    done = {}
    for file in storage.files_below(join(address, FOLDER, "done")):
        content = storage.read_whole(file.address)
        line = Done.from_dict(_parsed(content or b"", file.address))
        part = storage.find(join(address, line.part))
        if part is not None and part.size == line.size:
            done[line.ordinal] = line
    before = run["task"]
    return Output(address, replace(task, names=before["names"], types=before["types"]), shards, done)


def _check_same_task(address: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name, value in now.items():
        if before.get(name) == value or name in ("names", "types"):
            continue
        found = "another model" if name == "model" else f"{before.get(name)!r}"
        wanted = "the model of the run that is there" if name == "model" else f"{name} {value!r}"
        raise RunError(
            expected=wanted if name == "model" else f"a run with {wanted}",
            found=found,
            where=address,
            fix=_OTHER_OUT,
        )


def _check_same_files(address: str, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> None:
    names = [each["file"] for each in before]
    if names != [each["file"] for each in now]:
        new = next((each["file"] for each in now if each["file"] not in names), None)
        found = "other files" if new is None else f"another one: {name_of(new)}"
        raise RunError(
            expected=f"the {len(names):,} input files of the run that is there",
            found=found,
            where=address,
            fix=_OTHER_OUT,
        )
    for old, new_file in zip(before, now, strict=True):
        if old != new_file:
            raise RunError(
                expected="the input as it was when the run began",
                found="a file that has changed since",
                where=str(new_file["file"]),
                fix=_OTHER_OUT,
            )


def _file_dict(file: StoredFile) -> dict[str, Any]:
    return {"file": file.address, "size": file.size, "stamp": file.stamp}


def _listed_files(shards: Sequence[Shard]) -> list[dict[str, Any]]:
    files = {shard.file: StoredFile(shard.file, shard.size, shard.stamp) for shard in shards}
    return [_file_dict(each) for each in files.values()]


def _line_name(ordinal: int) -> str:
    return f"{ordinal:05d}.json"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RunError(expected="a JSON object", found="something else", where=where, fix=_OTHER_OUT)
    return value


@contextmanager
def locked(out: str | Path) -> Iterator[None]:
    """Keep a second command out of a folder on this machine's file systems while the context is open.

    Raises:
        RunError: another command works there.
        OSError: the folder cannot be written.
    """
    address = absolute(out)
    if is_bucket(address):
        yield
        return
    folder = Path(address) / FOLDER
    if not (folder / RUN).exists():
        _check_empty(address)
    make_directories(folder)
    try:
        with _held(folder, address):
            yield
    finally:
        # Where nothing was begun, nothing is left.
        if not (folder / RUN).exists():
            (folder / LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


@contextmanager
def _held(folder: Path, address: str) -> Iterator[None]:
    with (folder / LOCK).open("ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError as error:
            raise RunError(
                expected="one command at a time",
                found="another one that writes there",
                where=address,
                fix="wait for it, or choose another --out",
            ) from error
        yield


def read_rows(out: str | Path) -> Iterator[dict[str, Any]]:
    """Yield every output row in the order of the input, as the manifest says; each part is verified first.

    Args:
        out: the folder that `--out` named.

    Raises:
        RunError: no run there, one that is not finished, or a part that has changed.
    """
    address = absolute(out)
    where = join(address, FOLDER, MANIFEST)
    content = storage.read_whole(where)
    if content is None:
        begun = storage.find(join(address, FOLDER, RUN)) is not None
        raise RunError(
            expected="a finished run",
            found="one that is not finished" if begun else "none",
            where=address,
            fix="repeat the command that began it" if begun else "check the path",
        )
    for values in _parsed(content, where)["parts"]:
        yield from _part_rows(address, Done.from_dict(values))


def _part_rows(address: str, line: Done) -> Iterator[dict[str, Any]]:
    part = join(address, line.part)
    with storage.local_copy(part) as path:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                hashlib.file_digest(stream, lambda: digest)
        except OSError as error:
            raise _changed(part, "none") from error
        if digest.hexdigest() != line.sha256:
            raise _changed(part, "another content")
        if line.part.endswith(".jsonl"):
            with path.open(encoding="utf-8", newline="\n") as file:
                yield from map(json.loads, file)
            return
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield from batch.to_pylist()


def _changed(part: str, found: str) -> RunError:
    return RunError(
        expected="the part as the manifest lists it", found=found, where=part, fix="repeat the command"
    )
