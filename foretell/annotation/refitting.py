"""The thread that fits while a person answers: the newest answers, in one fit after another."""

from __future__ import annotations

import threading
from collections.abc import Callable

from foretell.annotation.ranking import Ranking

POLL_SECONDS = 2.0
"""Between two looks at the training of a whole model."""


class Refitting:
    """Calls a function in a thread of its own whenever there is something new.

    Args:
        fit: makes a ranking of the newest answers; None: there is nothing new.

    Attributes:
        latest: the newest ranking; None: the first is not ready.
    """

    def __init__(self, fit: Callable[[], Ranking | None]) -> None:
        self._fit = fit
        self._changed = threading.Condition()
        self._is_asked, self._ends = True, False
        self._error: BaseException | None = None
        self.latest: Ranking | None = None
        # Not joined by Python at exit where `close` was not called.
        self._thread = threading.Thread(target=self._work, name="foretell-annotation", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Let the thread fit again, after the fit that it works on now."""
        with self._changed:
            self._is_asked = True
            self._changed.notify_all()

    def wait(self, version: int, seconds: float) -> Ranking | None:
        """Return the newest ranking, once it is of `version` or newer or the time is over.

        Raises:
            BaseException: what a fit raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._has(version), seconds)
            if self._error is not None:
                raise self._error
            return self.latest

    def close(self) -> None:
        """End the thread after the fit that it works on now."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join()

    def _has(self, version: int) -> bool:
        return self.latest is not None and self.latest.version >= version

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_asked or self._ends, POLL_SECONDS)
                if self._ends:
                    return
                self._is_asked = False
            try:
                ranking = self._fit()
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            if ranking is not None:
                with self._changed:
                    self.latest = ranking
                    self._changed.notify_all()
