"""What a run does with every shard: the same for all workers, and written into the output folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from foretell.cluster.rows import Command
from foretell.cluster.writers import OutFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to do with each shard.

    Attributes:
        command: "classify", "score" or "evaluate".
        model: SHA-256 of the model's manifest, which holds that of each of its files.
        out: address of the output folder; None: figures only.
        out_format: of the output files.
        keep_columns: whether the other columns of a record are kept.
        abstain_below: give no label below this probability; None: always give one.
        cache: words of a continuous cache.
        names: the name of the column of each part of the answer.
        types: the type of each kept column in Parquet; see `writers.column_types`.
    """

    command: Command
    model: str
    out: str | None = None
    out_format: OutFormat = "parquet"
    keep_columns: bool = True
    abstain_below: float | None = None
    cache: int = 0
    names: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as values that JSON can hold, without the address of the output."""
        values = asdict(self)
        del values["out"]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Where a worker finds the model.

    Attributes:
        path: the model directory, as the driver named it.
        sha256: of its manifest.
        files: name to content, where workers cannot reach the directory; None: they open `path`.
    """

    path: str
    sha256: str
    files: dict[str, bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shard that is finished: the line of the manifest.

    Attributes:
        ordinal: of the shard.
        part: name of its output file; "" where none is written.
        rows: rows read, each of which has one row in the output file.
        skipped: number of rows without an answer, by reason.
        bytes: of the input.
        input_sha256: of the input's bytes.
        size, sha256: of the output file.
        seconds: that the worker took.
        node, worker: who did it.
        figures: the sums of an evaluation; None: no evaluation.
        notes: what was guessed or left out.
    """

    ordinal: int
    part: str
    rows: int
    skipped: dict[str, int]
    bytes: int
    input_sha256: str
    size: int
    sha256: str
    seconds: float
    node: str
    worker: str
    figures: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the line as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Done:
        """Return the line of `to_dict`."""
        return cls(**{**values, "notes": tuple(values.get("notes", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An attempt that failed.

    Attributes:
        ordinal: of the shard.
        reason: one line.
        trace: the traceback, for the log.
        is_final: whether another attempt would fail in the same way, as with a row that cannot be read.
    """

    ordinal: int
    reason: str
    trace: str = ""
    is_final: bool = False
