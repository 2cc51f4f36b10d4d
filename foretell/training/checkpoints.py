"""Checkpoints: everything that a training needs to continue, on disk, whole or not at all.

A checkpoint is a folder with two files::

    checkpoint-00000007/
      arrays.safetensors   weights, optimiser slots, carried states: anything that is an array
      state.json           step, position in the data, best so far; and the SHA-256 of the arrays, of the
                           request of the run, and of all these together

It is written under a temporary name, synced and renamed, so a reader sees all of it or none; two are kept, so
that a damaged newest one costs a minute of training and not the run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from foretell.artifacts.replacement import make_directories, sync_directory, sync_file, write_synced
from foretell.errors import RunError
from foretell.hashes import sha256_of

_ARRAYS, _STATE, _PREFIX, _DIGITS = "arrays.safetensors", "state.json", "checkpoint-", 8


@dataclass(frozen=True)
class Checkpoint:
    """What `Checkpoints.save` wrote: the step it was taken after, its arrays and its plain values."""

    step: int
    arrays: dict[str, npt.NDArray[np.generic]]
    state: dict[str, Any]
    path: Path

    def under(self, prefix: str) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays whose names begin with `prefix/`, by the rest of their names."""
        start = f"{prefix}/"
        return {name.removeprefix(start): v for name, v in self.arrays.items() if name.startswith(start)}


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie; made by the first `save`.
        every: seconds between two checkpoints, 60 by default.
        keep: how many of the newest checkpoints to keep, 2 by default.
        request: the SHA-256 of the run's request; a checkpoint of another request is not read.
        after: is called after each checkpoint that was written; None: nothing is.

    Attributes:
        newest_step: the step of the checkpoint that was last saved or read, or None.
    """

    def __init__(
        self,
        folder: Path,
        every: float = 60.0,
        keep: int = 2,
        request: str = "",
        after: Callable[[], None] | None = None,
    ) -> None:
        self.folder, self.every, self.keep, self._request = folder, every, keep, request
        self._after = after
        self.newest_step: int | None = None
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether `every` seconds have passed since the last checkpoint (or since training began)."""
        return time.monotonic() - self._last >= self.every

    def save(
        self, step: int, arrays: Mapping[str, npt.NDArray[np.generic]], state: Mapping[str, object]
    ) -> Path:
        """Write one checkpoint and remove those beyond `keep`.

        Args:
            step: training steps done.
            arrays: arrays by name, of any NumPy type that safetensors holds; they are read back bit for bit.
            state: plain values that JSON can hold (Python's floats are read back exactly).

        Raises:
            RunError: the disk is full or read-only; the earlier checkpoints are as they were.
        """
        try:
            final = self._save(step, arrays, state)
            if self._after is not None:
                self._after()
        # safetensors reports a full disk as its own error.
        except (OSError, SafetensorError) as error:
            raise RunError(
                expected="room for a checkpoint",
                found=str(error),
                where=str(self.folder),
                fix="make room there, then resume",
            ) from error
        self._last, self.newest_step = time.monotonic(), step
        return final

    def _save(
        self, step: int, arrays: Mapping[str, npt.NDArray[np.generic]], state: Mapping[str, object]
    ) -> Path:
        make_directories(self.folder)
        final = self.folder / f"{_PREFIX}{max(self._numbers(), default=0) + 1:0{_DIGITS}d}"
        temporary = self.folder / f".{final.name}.tmp"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            _write(temporary, step, arrays, state, self._request)
            temporary.rename(final)
            sync_directory(self.folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        # Last: until the new one is on disk, the old ones are all there is.
        for old in sorted(self._numbers())[: -self.keep]:
            shutil.rmtree(self.folder / f"{_PREFIX}{old:08d}", ignore_errors=True)
        return final

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and of this run, or None where there is none.

        Raises:
            RunError: there are checkpoints and every one of them is damaged or of another run.
        """
        numbers = sorted(self._numbers(), reverse=True)
        for number in numbers:
            checkpoint = _read(self.folder / f"{_PREFIX}{number:08d}", self._request)
            if checkpoint is not None:
                self.newest_step = checkpoint.step
                return checkpoint
        if numbers:
            raise RunError(
                expected="a whole checkpoint",
                found=f"{len(numbers)} damaged or of another run",
                where=str(self.folder),
                fix="restart the training",
            )
        return None

    def _numbers(self) -> list[int]:
        names = (path.name.removeprefix(_PREFIX) for path in self.folder.glob(f"{_PREFIX}*"))
        return [int(name) for name in names if len(name) == _DIGITS and name.isdecimal()]


def _write(
    folder: Path,
    step: int,
    arrays: Mapping[str, npt.NDArray[np.generic]],
    state: Mapping[str, object],
    request: str,
) -> None:
    # safetensors writes memory in its own order: another order than C would be read back wrongly.
    save_file({name: np.array(value, order="C") for name, value in arrays.items()}, folder / _ARRAYS)
    record = {
        "step": step,
        "arrays_sha256": sha256_of(folder / _ARRAYS),
        "request_sha256": request,
        "state": json.dumps(state, sort_keys=True),
    }
    full = {**record, "record_sha256": _hash_record(record)}
    sync_file(folder / _ARRAYS)
    write_synced(folder / _STATE, json.dumps(full, indent=1).encode())
    sync_directory(folder)


def _read(folder: Path, request: str) -> Checkpoint | None:
    """Return the checkpoint in `folder`; None if it is not as it was written, or of another request."""
    try:
        record = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        is_whole = record.pop("record_sha256") == _hash_record(record)
        if not is_whole or record["request_sha256"] != request:
            return None
        if record["arrays_sha256"] != sha256_of(folder / _ARRAYS):
            return None
        state = json.loads(record["state"])
        return Checkpoint(int(record["step"]), load_file(folder / _ARRAYS), state, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def _hash_record(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
