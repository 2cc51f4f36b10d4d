"""Ctrl-C, answered between two steps: the step in hand ends, a checkpoint is saved, then training stops."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from foretell.errors import Interrupted, RunError


class Interrupt:
    """While open, the first SIGINT only sets `requested`; a second one is a KeyboardInterrupt.

    Args:
        stop_after_steps: `at(step)` answers as if Ctrl-C were pressed once so many steps are done over the
            whole run; None: never. Tests interrupt at set points with it.

    Off the main thread, where Python allows no signal handler, only `stop_after_steps` and `request()` work.
    """

    def __init__(self, stop_after_steps: int | None = None) -> None:
        self.requested = False
        self.stop_after_steps = stop_after_steps
        self._previous: Any = None
        self._installed = False

    def request(self) -> None:
        """Ask training to stop after the step in hand."""
        self.requested = True

    def at(self, step: int) -> bool:
        """Whether training has to stop now that `step` steps are done."""
        return self.requested or (self.stop_after_steps is not None and step >= self.stop_after_steps)

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            # None: the earlier handler was not set from Python and cannot be put back as it was.
            signal.signal(signal.SIGINT, signal.SIG_DFL if self._previous is None else self._previous)
            self._installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def resume_command(out: Path) -> str:
    """Return what the user types to go on: this command line with --resume, or the call from Python."""
    if Path(sys.argv[0]).name in ("foretell", "__main__.py"):
        arguments = [word for word in sys.argv[1:] if word not in ("--resume", "--restart")]
        return shlex.join(["foretell", *arguments, "--resume"])
    return f"train again with resume=True and out={str(out)!r}"


def interrupted(step: int, out: Path) -> Interrupted:
    """Return the error to raise once the checkpoint after `step` is on disk."""
    return Interrupted(
        expected="training to go on to its end",
        found=f"an interruption after step {step:,}; a checkpoint is saved",
        where=str(out),
        fix=resume_command(out),
    )


def diverged(step: int, learning_rate: float, out: Path) -> RunError:
    """Return the error of a training whose loss is no number any more, and that has nothing to keep."""
    return RunError(
        expected="a finite loss",
        found="NaN or infinity",
        where=f"step {step:,} of {out}",
        fix=f"set a lower --learning-rate than {learning_rate:g}, and --restart",
    )
