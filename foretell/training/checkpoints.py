"""Files of a run that are there whole or not at all: its checkpoints, and the cached text.

Their names hold their SHA-256, so that a changed one is noticed when it is looked for (`sealing`,
`sealed`).

A checkpoint has all that a training needs to continue. It is one safetensors file,
`checkpoint-00000007.<SHA-256>.safetensors`: weights, optimiser slots and carried states as arrays;
step, other plain values and the SHA-256 of the run's request as its metadata. Two are kept, so that
a damaged newest one costs a minute of training and not the run.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from foretell.arrays import Array
from foretell.artifacts.replacement import make_directories, sync_directory, sync_file
from foretell.data.decode import sha256_of
from foretell.errors import RunError

if TYPE_CHECKING:
    from tensorflow import Tensor, Variable

_PREFIX = "checkpoint-"
_DIGITS = 8
_KEPT = 2


class Checkpoint(NamedTuple):
    """What `Checkpoints.save` wrote: the step it was taken after, its arrays and its plain
    values.
    """

    step: int
    arrays: dict[str, Array]
    state: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Array]:
        """Return the arrays whose names begin with `prefix/`, by the rest of their names."""
        start = f"{prefix}/"
        return {
            name.removeprefix(start): array
            for name, array in self.arrays.items()
            if name.startswith(start)
        }


def named(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return arrays by the names from which `Checkpoint.under` takes them."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def numbered(prefix: str, tensors: Iterable[Tensor | Variable]) -> dict[str, Array]:
    """Return copies of tensors or variables of TensorFlow, named `prefix/0`, `prefix/1`, …"""
    return {f"{prefix}/{k}": np.array(tensor.numpy()) for k, tensor in enumerate(tensors)}


def restore_numbered(saved: Checkpoint, prefix: str, variables: Iterable[Variable]) -> None:
    """Set variables of TensorFlow to the arrays that `numbered` made of them."""
    for k, variable in enumerate(variables):
        variable.assign(saved.arrays[f"{prefix}/{k}"])


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie; made by the first `save`.
        every: seconds between two checkpoints, 60 by default.
        request: the SHA-256 of the run's request; a checkpoint of another request is not read.

    Attributes:
        newest_step: the step of the checkpoint that was last saved or read, or None.
    """

    def __init__(self, folder: Path, every: float = 60.0, request: str = "") -> None:
        self.folder = folder
        self.every = every
        self._request = request
        self.newest_step: int | None = None
        self._last = time.monotonic()

    def due(self, part: float = 1.0) -> bool:
        """Whether `every` seconds, or a part of them, have passed since the last checkpoint (or
        since training began).
        """
        return time.monotonic() - self._last >= part * self.every

    def save(self, step: int, arrays: Mapping[str, Array], state: Mapping[str, object]) -> Path:
        """Write one checkpoint and remove all but the last two.

        Args:
            step: training steps done.
            arrays: arrays by name, of any NumPy type that safetensors holds; they are read back bit
                for bit.
            state: plain values that JSON can hold (Python's floats are read back exactly).

        Raises:
            RunError: the disk is full or read-only; the earlier checkpoints are as they were.
        """
        stems = self._stems()
        number = int(stems[-1].removeprefix(_PREFIX)) + 1 if stems else 1
        stem = f"{_PREFIX}{number:0{_DIGITS}d}"
        metadata = {
            "step": str(step),
            "request": self._request,
            "state": json.dumps(state, sort_keys=True),
        }
        with sealing(self.folder, stem, "safetensors", "a checkpoint") as path:
            try:
                # safetensors writes memory in its own order: another order than C would be read
                # back wrongly.
                ordered = {name: np.array(value, order="C") for name, value in arrays.items()}
                save_file(ordered, path, metadata=metadata)
            # safetensors reports a full disk as its own error.
            except SafetensorError as error:
                raise OSError(str(error)) from error
        # Last: until the new one is on disk, the old ones are all there is.
        for older in [*stems, stem][:-_KEPT]:
            for path in self.folder.glob(f"{older}.*"):
                path.unlink(missing_ok=True)
        self._last = time.monotonic()
        self.newest_step = step
        return next(self.folder.glob(f"{stem}.*"))

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and of this run, or None where there is none.

        Raises:
            RunError: there are checkpoints and every one of them is damaged or of another run.
        """
        stems = self._stems()
        for stem in reversed(stems):
            path = sealed(self.folder, stem)
            if path is not None and (checkpoint := self._read(path)) is not None:
                self.newest_step = checkpoint.step
                return checkpoint
        if stems:
            raise RunError(
                "a whole checkpoint",
                f"{len(stems)} damaged or of another run",
                where=self.folder,
                fix="restart the training",
            )
        return None

    def _read(self, path: Path) -> Checkpoint | None:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            if metadata["request"] != self._request:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Checkpoint(int(metadata["step"]), arrays, json.loads(metadata["state"]))

    def _stems(self) -> list[str]:
        """Return the first parts of the checkpoints' names, in the order in which they were
        saved.
        """
        found = self.folder.glob(f"{_PREFIX}{'[0-9]' * _DIGITS}.*")
        return sorted({path.name.partition(".")[0] for path in found})


@contextlib.contextmanager
def sealing(folder: Path, stem: str, ending: str, content: str) -> Iterator[Path]:
    """Yield a temporary name in a folder; what is written there becomes STEM.SHA256.ENDING at the
    end.

    Then an older one of this stem is deleted.

    Args:
        folder: where it lies; it is made where it is missing.
        stem: the first part of the name, without a full stop.
        ending: the last part, without a full stop.
        content: what it is, for the error.

    Raises:
        RunError: it cannot be written, as on a full disk; the other files are as they were.
    """
    temporary = folder / f".{stem}.tmp"
    try:
        make_directories(folder)
        yield temporary
        sync_file(temporary)
        final = folder / f"{stem}.{sha256_of(temporary)}.{ending}"
        temporary.replace(final)
        sync_directory(folder)
        for old in set(folder.glob(f"{stem}.*")) - {final}:
            old.unlink()
    except OSError as error:
        raise RunError(
            f"room for {content}",
            error,
            where=folder,
            fix="make room there, then resume",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sealed(folder: Path, stem: str) -> Path | None:
    """Return the file in a folder that was sealed under a stem; None: there is none, or it has
    changed.
    """
    for path in folder.glob(f"{stem}.*"):
        with contextlib.suppress(OSError):
            if path.suffixes[-2:-1] == [f".{sha256_of(path)}"]:
                return path
    return None
