"""The command line. One module for each command; `app.py` lists them and `entry.py` runs them.

Data goes to stdout, everything else to stderr, all of it through `output.py`. Exit codes: 0 done, 1
failed, 2 wrong usage, 130 interrupted by Ctrl-C (128 + n by signal n).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

_SECONDS_TO_END = 10.0
"""After a signal. What a library does with the exception in the middle of an import cannot be
known.
"""


def command() -> NoReturn:
    """Run the arguments of this process and end it with the exit code."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: the next file would get its descriptor
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115
    try:
        # Before anything is imported that takes time.
        stop.listen()
        from foretell.cli.entry import main

        code = main()
    except BaseException:
        if stop.signal is None:
            raise
        stop.end()
    if "tensorflow" in sys.modules or stop.signal is not None:
        # Every file is written and synced by now; TensorFlow's shutdown would only take time. And
        # Python ends by SIGINT instead of the code where a KeyboardInterrupt went through an
        # import.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


class _Stop:
    """Raises the first SIGINT, SIGTERM or SIGHUP as `KeyboardInterrupt`; the second ends the
    process at once.

    A training handles signals itself (`foretell.training.interrupt`). One that was ignored stays
    ignored.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def listen(self) -> None:
        """Handle the signals from now on, and ignore them while Python ends: it has the exit code
        by then.
        """
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)
                # What is registered first is called last.
                atexit.register(signal.signal, number, signal.SIG_IGN)
        sys.unraisablehook = self._swallowed

    def _swallowed(self, unraisable: sys.UnraisableHookArgs) -> None:
        # Python drops an exception in a finaliser and in a callback, as each import has them, and
        # would go on as if no signal had come.
        if self.signal is not None and isinstance(unraisable.exc_value, KeyboardInterrupt):
            self.end()
        sys.__unraisablehook__(unraisable)

    def end(self) -> NoReturn:
        """End the process with one line and the exit code of the signal."""
        os.write(2, b"foretell: interrupted\n")
        os._exit(128 + (self.signal or signal.SIGINT))

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            self.end()
        self.signal = number
        timer = threading.Timer(_SECONDS_TO_END, self.end)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt(number)


stop = _Stop()
