"""The command, or the call, that trains the result of a search again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foretell.config import Job


def command(
    job: Job, sources: Sequence[str], preset: str, changes: Mapping[str, Any], out: str | Path
) -> str:
    """Return the shell command of a training.

    Args:
        job: what is trained.
        sources: the data, and the options that say how it is read, as the user gave them.
        preset: the name of the preset.
        changes: the settings that differ from it.
        out: the model directory to write.
    """
    flags = [flag for name, value in changes.items() for flag in _flag(name, value)]
    return shlex.join(["foretell", "train", job, *sources, "--preset", preset, *flags, "--out", str(out)])


def call(job: Job, preset: str, changes: Mapping[str, Any], out: str | Path) -> str:
    """Return the same training as a call in Python, of data in memory."""
    settings = "".join(f", {name}={value!r}" for name, value in changes.items())
    if job == "words":
        return f"foretell.LanguageModel.train(data, preset={preset!r}{settings}, out={str(out)!r})"
    return f"foretell.TextClassifier({preset!r}{settings}).fit(data, out={str(out)!r})"


def _flag(name: str, value: object) -> list[str]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", f"{value:.12g}" if isinstance(value, float) else str(value)]
