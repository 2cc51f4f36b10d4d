"""Data sets on the Hub: `hf://owner/name[@revision][#[configuration/]split]` to files in the cache.

The files are Parquet wherever the Hub has converted the set, which it does on the branch refs/convert/parquet
whatever format the set was uploaded in; else those of the repository itself. foretell's own readers read
them, so that the package `datasets` is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from foretell.errors import DataError, HubError, UsageError
from foretell.hub.client import MAIN, SCHEME, Address, download, file_names, parse, pinned, require_hub
from foretell.readable import listed

CONVERTED = "refs/convert/parquet"
"""The branch on which the Hub keeps a set as Parquet."""

_ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_SPLITS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation",
           "val": "validation", "dev": "validation", "test": "test", "testing": "test", "eval": "test",
           "evaluation": "test"}  # fmt: skip
# config/split/0000.parquet, as the Hub converts; of a very large set only the first part is converted.
_AS_CONVERTED = re.compile(r"([^/]+)/(?:partial-)?([^/]+)/\d{4,}\.parquet")
_PLAIN = re.compile(r"\w[\w.+-]{0,99}")
_DEFAULT = "default"

Part = Literal["train", "valid", "test"]
Split = tuple[str, str]
"""A configuration and a split."""


@dataclass(frozen=True)
class DatasetAddress:
    """A data set on the Hub, or a part of it.

    Attributes:
        repository: its repository and revision.
        configuration: one of several sets in the repository; None: the one there is, or "default".
        split: the split; None: the one that the caller needs.
    """

    repository: Address
    configuration: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        parts = [part for part in (self.configuration, self.split) if part is not None]
        return f"{self.repository}{'#' if parts else ''}{'/'.join(parts)}"


def parse_dataset(text: str) -> DatasetAddress:
    """Return the address that a text names.

    >>> parse_dataset("hf://owner/name@v2#test").split
    'test'

    Raises:
        UsageError: it is none.
    """
    body, hash_sign, fragment = text.partition("#")
    repository, parts = parse(body), fragment.split("/")
    if hash_sign and (len(parts) > 2 or not all(_PLAIN.fullmatch(part) for part in parts)):
        raise UsageError(
            expected="a split like #train or #configuration/train", found=repr(f"#{fragment[:100]}"),
            where=text[:200], fix="check what follows the #",
        )  # fmt: skip
    if not hash_sign:
        return DatasetAddress(repository)
    return DatasetAddress(repository, parts[0] if len(parts) == 2 else None, parts[-1])


SplitFiles = tuple[DatasetAddress, list[Path]]
"""A split in the cache: its address with the commit hash, configuration and split, and its files in order."""


def fetch_dataset(address: DatasetAddress, part: Part | None) -> SplitFiles:
    """Download the files of a split into the cache of the Hub, unless they are there.

    The revision becomes a commit hash first. Without a connection it is the commit of the last download.

    Args:
        address: the data set.
        part: what the caller needs where the address names no split; None: train, or the only split.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access to it.
        DataError: no files that foretell reads, or no such configuration or split.
    """
    require_hub()
    repository, splits = address.repository, dict[Split, list[str]]()
    # A set without a revision is read as the Hub has converted it, if it has.
    revisions = (CONVERTED, MAIN) if repository.revision == MAIN else (repository.revision,)
    for revision in revisions:
        try:
            repository = pinned("dataset", address.repository.at(revision))
            splits = splits_of(file_names("dataset", repository))
        except HubError:
            if revision == revisions[-1]:
                raise
        if splits:
            break
    chosen = choose_split(splits, replace(address, repository=repository), part)
    folder = download("dataset", repository, splits[chosen])
    return DatasetAddress(repository, *chosen), [folder / name for name in splits[chosen]]


def splits_of(names: Iterable[str]) -> dict[Split, list[str]]:
    """Return the files of each configuration and split, by what the paths in the repository say."""
    found: dict[Split, list[str]] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        is_other = path.name in ("dataset_infos.json", "dataset_dict.json") or name.startswith(".")
        if not is_other and not set(path.suffixes[-2:]).isdisjoint(_ENDINGS):
            found.setdefault(_split_of(path), []).append(name)
    # The same split in several formats is the same data.
    return {
        key: [name for name in files if name.endswith(".parquet")] or files for key, files in found.items()
    }


def _split_of(path: PurePosixPath) -> Split:
    if match := _AS_CONVERTED.fullmatch(str(path)):
        return match[1], match[2]
    split, folders = "train", [folder for folder in path.parts[:-1] if folder != "data"]
    # The name of the file says more than that of a folder.
    for part in reversed(path.parts):
        if found := [_SPLITS[word] for word in re.split(r"[^a-z]+", part.lower()) if word in _SPLITS]:
            split, folders = found[0], [folder for folder in folders if folder != part]
            break
    return (folders or [_DEFAULT])[0], split


def choose_split(splits: Mapping[Split, object], address: DatasetAddress, part: Part | None) -> Split:
    """Return the configuration and split that an address means."""
    configurations = sorted({configuration for configuration, _ in splits})
    expected, found, like = f"files that foretell reads ({', '.join(_ENDINGS)})", configurations, ""
    if configurations:
        configuration = address.configuration or (configurations[0] if len(configurations) == 1 else _DEFAULT)
        there = sorted(split for each, split in splits if each == configuration)
        wanted = address.split or {"valid": "validation", "test": "test"}.get(part or "", "train")
        if address.split is None and part is None and len(there) == 1:
            wanted = there[0]
        if wanted in there:
            return configuration, wanted
        if there:
            expected, found, like = f"the split '{wanted}'", there, there[0]
        else:
            expected = f"'{configuration}'" if address.configuration else "one configuration"
            like = f"{configurations[0]}/SPLIT"
    fix = f"name one: {SCHEME}{address.repository.repository}#{like}" if like else ""
    raise DataError(expected=expected, found=listed(found) or "none", where=str(address), fix=fix)
