"""Which files the arguments name: files, folders, globs and bucket paths, each in the order given."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from foretell.cluster import storage
from foretell.cluster.addresses import absolute, is_bucket, join, name_of
from foretell.cluster.storage import StoredFile
from foretell.data.decode import existing
from foretell.errors import DataError, UsageError

ENDINGS = (
    ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".ft", ".fasttext", ".txt",
    ".text",
)  # fmt: skip
"""The endings (before .gz) of the files that are read of a folder."""

_GLOB = re.compile(r"[*?\[]")


def input_files(sources: Sequence[str | Path]) -> list[StoredFile]:
    """Return the files that the sources name; those of a folder or glob are sorted by path.

    A file without content holds no record and is left out. Of a folder, files with an ending of `ENDINGS` are
    read, at any depth; those whose name, or whose folder's name, begins with "." or "_" are not.

    Raises:
        DataError: a source that is not there, cannot be read or holds nothing; a file that is named twice.
        UsageError: no source, or standard input, which a worker cannot read.
    """
    if not sources:
        raise UsageError(expected="a file, a folder or a bucket path", found="none")
    files: dict[str, StoredFile] = {}
    for source in sources:
        for each in _files_of(source):
            if each.address in files:
                raise DataError(
                    expected="each file once", found="one that is named twice", where=each.address
                )
            files[each.address] = each
    filled = [each for each in files.values() if each.size]
    if not filled:
        raise DataError(expected="files with records", found="only empty ones", where=str(sources[0]))
    return filled


def _files_of(source: str | Path) -> Iterator[StoredFile]:
    if str(source) == "-":
        raise UsageError(
            expected="files that every worker can read",
            found="standard input (-)",
            fix="write it to a file first",
        )
    address = absolute(source)
    try:
        yield from _bucket_files(address) if is_bucket(address) else _local_files(address)
    except OSError as error:
        raise DataError(
            expected="files that can be read",
            found=error.strerror or str(error),
            where=address,
            fix="check the address, its permissions and the key",
        ) from error


def _local_files(path: str) -> Iterator[StoredFile]:
    if (stored := storage.find(path)) is not None:
        yield stored
    elif Path(path).is_dir():
        yield from _readable(storage.files_below(path), path)
    elif _GLOB.search(path):
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - of any root
        found = [each for match in matches if (each := storage.find(match)) is not None]
        yield from found or _nothing(path, "a file that matches")
    else:
        existing(path)


def _bucket_files(address: str) -> Iterator[StoredFile]:
    path, mark, options = address.partition("?")
    # "?" begins the options of a bucket path, so that it is no wildcard in one.
    wildcard = re.search(r"[*\[]", path)
    if wildcard is not None:
        folder = path[: path.rindex("/", 0, wildcard.start())]
        pattern = re.compile(_glob_pattern(path[len(folder) + 1 :]))
        below = storage.files_below(folder + mark + options)
        names = {each.address: each.address.partition("?")[0][len(folder) + 1 :] for each in below}
        found = [each for each in below if pattern.fullmatch(names[each.address])]
        yield from found or _nothing(address, "an object that matches")
    elif (stored := storage.find(address)) is not None:
        yield stored
    else:
        yield from _readable(storage.files_below(address), address)


def _glob_pattern(pattern: str) -> str:
    """Return a glob as a regular expression: * and ? stay within a folder, ** goes across folders."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|.", pattern)
    return "".join(parts.get(t, t if t.startswith("[") and len(t) > 1 else re.escape(t)) for t in tokens)


def _readable(files: list[StoredFile], folder: str) -> list[StoredFile]:
    root = folder.partition("?")[0] if is_bucket(folder) else folder
    kept = [each for each in files if _is_read(each.address[len(root) :])]
    return kept or _nothing(folder, f"files with records ({', '.join(ENDINGS[:8])}, …)")


def _is_read(path: str) -> bool:
    path = path.partition("?")[0].replace("\\", "/").strip("/")
    name = name_of(path).lower().removesuffix(".gz")
    return name.endswith(ENDINGS) and not any(part.startswith((".", "_")) for part in path.split("/"))


def _nothing(where: str, expected: str) -> list[StoredFile]:
    raise DataError(expected=expected, found="none", where=where, fix="check the address")


def inside(folder: str, files: Sequence[StoredFile]) -> StoredFile | None:
    """Return the first file that lies below a folder; None: none does."""
    start = join(folder, "").partition("?")[0].rstrip("/") + "/"
    return next((each for each in files if each.address.startswith(start)), None)
