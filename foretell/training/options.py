"""How a training is run, apart from what it learns: the same options for both jobs and every
interface.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foretell.config import Settings, to_dict
from foretell.errors import SettingsError
from foretell.training.events import Listener, silent


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of a training that do not change what is learned.

    >>> TrainOptions(out=Path("model"), checkpoint_seconds=30.0).preset
    'base'

    Attributes:
        out: the model directory to write. The run lies beside it until the model is written.
        preset: the name of the preset that the settings came from; the model directory records it.
        resume: continue the unfinished run of `out`, bit for bit as if it had never stopped.
        restart: delete an unfinished run of `out` and begin again.
        overwrite: replace a finished model at `out`.
        checkpoint_seconds: seconds between two checkpoints, more than 0.
        tensorboard: a directory for TensorBoard event files, or None.
        baseline: words: also fit a Kneser–Ney model to compare with, where it is not a part of the
            model.
        listener: is called with each event of the training.
        started: `time.monotonic()` when the command began; `settings.minutes` counts from it. By
            default the moment when the options are made, so that each training has its own time
            limit.
        stop_after_steps: interrupt after this many steps, as Ctrl-C does; None: never.
        text_columns: the columns whose texts are joined; the model directory records them.
        given: the names of the settings that the user gave. No default of another setting, and no
            adaptation to the size of the data, replaces their values.

    Raises:
        SettingsError: `checkpoint_seconds` is not more than 0, or both `resume` and `restart` are
            set.
    """

    out: Path
    preset: str = "base"
    resume: bool = False
    restart: bool = False
    overwrite: bool = False
    checkpoint_seconds: float = 60.0
    tensorboard: Path | None = None
    baseline: bool = True
    listener: Listener = silent
    started: float = field(default_factory=time.monotonic)
    stop_after_steps: int | None = None
    text_columns: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        if not self.checkpoint_seconds > 0:
            raise SettingsError(
                "more than 0",
                self.checkpoint_seconds,
                where="checkpoint-seconds",
            )
        if self.resume and self.restart:
            raise SettingsError(
                "resume (continue the unfinished run) or restart (delete it)",
                "both",
                where="resume, restart",
            )


def check_unchanged(own: Settings, settings: Settings, fields: Sequence[str]) -> None:
    """Check that `settings` are those of the model to continue, `own`, where its weights depend on
    them.

    Raises:
        SettingsError: one of these fields differs.
    """
    before = to_dict(own)
    now = to_dict(settings)
    for field_name in fields:
        if before[field_name] != now[field_name]:
            name = field_name.replace("_", "-")
            raise SettingsError(
                f"{name} {before[field_name]}, as in the model to continue",
                now[field_name],
                where=name,
                fix="leave it, or the preset that has it, out, or train a new model on all data",
            )
