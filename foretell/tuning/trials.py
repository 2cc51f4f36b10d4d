"""A trial: what a worker is asked for, and what is kept of it. Plain values, which JSON can hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker trains.

    Attributes:
        number: of the trial, from 0.
        settings: every setting, as `config.to_dict` gives them.
        preset: the name of the preset that they came from.
        seconds: time limit of the training.
        folder: where the model directory and the answers are written.
    """

    number: int
    settings: dict[str, Any]
    preset: str
    seconds: float
    folder: str

    def message(self) -> dict[str, Any]:
        """Return the task as a message to a worker."""
        return {"do": "trial", **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A trial as the study keeps it.

    Attributes:
        number: from 0; the first trial is the preset.
        state: "complete", "pruned" (stopped early), "failed" or "running".
        value: the metric; None where it was not measured.
        changes: the settings that differ from the preset's.
        seconds: of the training.
        size_mb: of the model directory, in megabytes.
        figures: validation figures of the training.
        is_limited: whether the time limit shortened the training.
        error: why it failed, in one line.
        ms: latency of one prediction in milliseconds; None: not measured.
    """

    number: int
    state: State
    value: float | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    size_mb: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    is_limited: bool = False
    error: str = ""
    ms: float | None = None

    @property
    def is_preset(self) -> bool:
        """Whether it has the preset's settings."""
        return not self.changes

    def described(self) -> str:
        """Return its settings for people."""
        named = ", ".join(f"{name} {_plain(value)}" for name, value in self.changes.items())
        return named or "the preset"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
