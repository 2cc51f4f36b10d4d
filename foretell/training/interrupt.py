"""Signals that stop a training: SIGINT (Ctrl-C), SIGTERM and SIGHUP.

Every stage answers the first signal within two seconds, in one of two ways:

- Stages with nothing to save (reading, counting, the Kneser–Ney and linear models, writing) stop
  where they are: the handler raises `KeyboardInterrupt` in the main thread, as Python does for
  Ctrl-C. What they have not finished is computed again when the run is resumed.
- The training of a network, inside `with interrupt.deferred():`, finishes its step and saves a
  checkpoint. It asks `at(step)` after each step and calls `check()` in what takes long between two
  steps.

A signal raises nothing in worker threads. Their long loops call `check()`, which costs some 50 ns
and may be called from any thread; pass the bound method, `interrupt.check`.

A second signal has the effect that it has without foretell: SIGTERM and SIGHUP end the process,
SIGINT is Python's `KeyboardInterrupt`. While a run is being closed, signals have no effect: the
first one has decided the exit code.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from foretell.errors import Interrupted

# Windows has no SIGHUP.
_SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupt:
    """The signals that arrive while it is open; use it as a context manager.

    >>> with Interrupt() as interrupt:
    ...     for batch in batches:
    ...         interrupt.check()

    Off the main thread, where Python allows no signal handler, only `stop_after_steps` has an
    effect: once so many steps are done over the whole run, `at` answers as after a signal. A signal
    that was ignored before (`nohup`) stays ignored. `signal` is the first one that arrived, or
    None; set, the training stops too.
    """

    def __init__(self, stop_after_steps: int | None = None) -> None:
        self.stop_after_steps = stop_after_steps
        self.signal: signal.Signals | None = None
        self._deferrals = 0
        self._is_ending = False
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def at(self, step: int) -> bool:
        """Whether training has to stop now that `step` steps are done."""
        stop = self.stop_after_steps
        return self.signal is not None or (stop is not None and step >= stop)

    def check(self) -> None:
        """Stop here if a signal has arrived.

        Raises:
            Interrupted: one has.
        """
        if self.signal is not None:
            raise Interrupted("training to go on to its end", self.signal.name)

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

    def end(self) -> None:
        """Let signals have no effect from now on, for the moments until the end."""
        self._is_ending = True

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                previous = signal.getsignal(number)
                # None: the handler was not set from Python and could not be put back.
                if previous not in (None, signal.SIG_IGN):
                    self._previous[number] = previous
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._is_ending:
            return
        if self.signal is not None:
            self.__exit__()
            signal.raise_signal(number)
            return
        self.signal = signal.Signals(number)
        if not self._deferrals:
            raise KeyboardInterrupt(number)


@contextmanager
def nothing_to_resume(*, is_temporary: bool) -> Iterator[None]:
    """Raise an interruption as `KeyboardInterrupt` where the run is in a temporary directory.

    It cannot be resumed. And programs that train one model after another (scikit-learn's searches)
    take `Interrupted`, an `Exception`, for the failure of one model, and train the next one.
    """
    try:
        yield
    except Interrupted as error:
        if not is_temporary:
            raise
        raise KeyboardInterrupt(
            "training was interrupted; give out= to be able to resume"
        ) from error


def interrupted(step: int | None, out: Path) -> Interrupted:
    """Return the error of an interrupted run whose newest checkpoint is of `step`; None: it has
    none yet.

    The command line shows its own command instead of `fix`.
    """
    found = "an interruption before the first checkpoint"
    if step is not None:
        found = f"an interruption after step {step:,}; a checkpoint is saved"
    return Interrupted(
        "training to go on to its end",
        found,
        where=out,
        fix=f"train again with resume=True and out={str(out)!r}",
    )
