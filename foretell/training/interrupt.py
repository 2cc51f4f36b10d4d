"""Signals that stop a training: SIGINT (Ctrl-C), SIGTERM and SIGHUP.

Every stage answers the first signal within two seconds, in one of two ways:

- Stages with nothing to save (reading, counting, the Kneser–Ney and linear models, writing) stop where they
  are: the handler raises `KeyboardInterrupt` in the main thread, as Python does for Ctrl-C. What they have
  not finished is computed again when the run is resumed.
- The training of a network, inside `with interrupt.deferred():`, finishes its step and saves a checkpoint. It
  asks `at(step)` after each step and calls `check()` in what takes long between two steps.

A signal raises nothing in worker threads. Their long loops call `check()`, which costs some 50 ns and may be
called from any thread; pass the bound method, `interrupt.check`.

A second signal has the effect that it has without foretell: SIGTERM and SIGHUP end the process, SIGINT is
Python's `KeyboardInterrupt`.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from foretell.errors import Interrupted, RunError

# Windows has no SIGHUP.
_SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_KILLED = 128
"""What shells add to the number of a signal that ended a process."""


class Interrupt:
    """The signals that arrive while it is open; use it as a context manager.

    >>> with Interrupt() as interrupt:
    ...     for batch in batches:
    ...         interrupt.check()

    Off the main thread, where Python allows no signal handler, only `request` and `stop_after_steps` have an
    effect: once so many steps are done over the whole run, `at` answers as after a signal. A signal that was
    ignored before (`nohup`) stays ignored. `signal` is the first one that arrived, or None.
    """

    def __init__(self, stop_after_steps: int | None = None) -> None:
        self.stop_after_steps = stop_after_steps
        self.signal: signal.Signals | None = None
        self._deferrals = 0
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    @property
    def requested(self) -> bool:
        """Whether the training has to stop."""
        return self.signal is not None

    def request(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the training at its next `check` or `at`, from any thread."""
        self.signal = self.signal or number

    def at(self, step: int) -> bool:
        """Whether training has to stop now that `step` steps are done."""
        return self.requested or (self.stop_after_steps is not None and step >= self.stop_after_steps)

    def check(self) -> None:
        """Stop here if a signal has arrived.

        Raises:
            Interrupted: one has.
        """
        if self.signal is not None:
            raise Interrupted(expected="training to go on to its end", found=self.signal.name)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only note a signal, for `at` and `check`; one that is left at the end is raised there.

        Raises:
            Interrupted: a signal arrived and the body did not stop for it.
        """
        self._deferrals += 1
        try:
            yield
        finally:
            self._deferrals -= 1
        if not self._deferrals:
            self.check()

    def exit_code(self) -> int:
        """Return the exit code of the process: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
        return _KILLED + (self.signal or signal.SIGINT)

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                previous = signal.getsignal(number)
                # None: the handler was not set from Python and could not be put back.
                if previous not in (None, signal.SIG_IGN):
                    self._previous[number] = previous
                    signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            self.__exit__(None, None, None)
            signal.raise_signal(number)
            return
        self.signal = signal.Signals(number)
        if not self._deferrals:
            raise KeyboardInterrupt


@contextmanager
def nothing_to_resume(*, is_temporary: bool) -> Iterator[None]:
    """Raise an interruption as `KeyboardInterrupt` where the run is in a temporary directory.

    It cannot be resumed. And programs that train one model after another (scikit-learn's searches) take
    `Interrupted`, an `Exception`, for the failure of one model, and train the next one.
    """
    try:
        yield
    except Interrupted as error:
        if not is_temporary:
            raise
        raise KeyboardInterrupt("training was interrupted; give out= to be able to resume") from error


def resume_command(out: Path) -> str:
    """Return how to resume: this command line with --resume, or the call from Python."""
    program = Path(sys.argv[0])
    if program.name == "foretell" or program.parts[-2:] == ("foretell", "__main__.py"):
        arguments = [word for word in sys.argv[1:] if word not in ("--resume", "--restart")]
        return shlex.join(["foretell", *arguments, "--resume"])
    return f"train again with resume=True and out={str(out)!r}"


def interrupted(step: int | None, out: Path) -> Interrupted:
    """Return the error of an interrupted run whose newest checkpoint is of `step`; None: it has none yet."""
    found = "an interruption before the first checkpoint"
    if step is not None:
        found = f"an interruption after step {step:,}; a checkpoint is saved"
    return Interrupted(
        expected="training to go on to its end", found=found, where=str(out), fix=resume_command(out)
    )


def diverged(step: int, learning_rate: float, out: Path) -> RunError:
    """Return the error of a training whose loss is not finite and that has no weights to restore."""
    return RunError(
        expected="a finite loss",
        found="NaN or infinity",
        where=f"step {step:,} of {out}",
        fix=f"restart with a lower learning rate than {learning_rate:g}",
    )
