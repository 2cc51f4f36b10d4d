"""Checkpoints: everything that a training needs to continue, on disk, whole or not at all.

A checkpoint is one safetensors file, `checkpoint-00000007.<SHA-256>.safetensors`: weights, optimizer slots
and carried states as arrays; step, other plain values and the SHA-256 of the run's request as its metadata.
Two are kept, so that a damaged newest one costs a minute of training and not the run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from foretell.errors import RunError
from foretell.training.sealed import sealed, sealing

_PREFIX, _DIGITS = "checkpoint-", 8


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

    Attributes:
        newest_step: the step of the checkpoint that was last saved or read, or None.
    """

    def __init__(self, folder: Path, every: float = 60.0, keep: int = 2, request: str = "") -> None:
        self.folder, self.every, self.keep, self._request = folder, every, keep, request
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
        stem = f"{_PREFIX}{max(self._numbers(), default=0) + 1:0{_DIGITS}d}"
        metadata = {"step": str(step), "request": self._request, "state": json.dumps(state, sort_keys=True)}
        with sealing(self.folder, stem, "safetensors", "a checkpoint") as path:
            try:
                # safetensors writes memory in its own order: another order than C would be read back wrongly.
                ordered = {name: np.array(value, order="C") for name, value in arrays.items()}
                save_file(ordered, path, metadata=metadata)
            # safetensors reports a full disk as its own error.
            except SafetensorError as error:
                raise OSError(str(error)) from error
        # Last: until the new one is on disk, the old ones are all there is.
        for number in sorted(self._numbers())[: -self.keep]:
            for old in self.folder.glob(f"{_PREFIX}{number:0{_DIGITS}d}.*"):
                old.unlink(missing_ok=True)
        self._last, self.newest_step = time.monotonic(), step
        return next(self.folder.glob(f"{stem}.*"))

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and of this run, or None where there is none.

        Raises:
            RunError: there are checkpoints and every one of them is damaged or of another run.
        """
        numbers = sorted(self._numbers(), reverse=True)
        for number in numbers:
            path = sealed(self.folder, f"{_PREFIX}{number:0{_DIGITS}d}")
            if path is not None and (checkpoint := self._read(path)) is not None:
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

    def _read(self, path: Path) -> Checkpoint | None:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            if metadata["request"] != self._request:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Checkpoint(int(metadata["step"]), arrays, json.loads(metadata["state"]), path)

    def _numbers(self) -> set[int]:
        names = (
            path.name.removeprefix(_PREFIX).partition(".")[0] for path in self.folder.glob(f"{_PREFIX}*")
        )
        return {int(name) for name in names if len(name) == _DIGITS and name.isdecimal()}
