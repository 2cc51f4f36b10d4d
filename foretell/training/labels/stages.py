"""One training on its way: its texts, its settings, its run, and what its finished stages found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from foretell.arrays import Array
from foretell.config import LabelsSettings
from foretell.training.checkpoints import Checkpoint
from foretell.training.labels.corpus import LabelsCorpus
from foretell.training.run import Run


class Stages:
    """What finished stages found. Every checkpoint contains it, and a resumed training takes it
    from there.

    The training of the network continues from the checkpoint `network`; None: it begins.
    """

    def __init__(self, run: Run) -> None:
        before = run.resumed()
        self.run = run
        self._before = before
        self.arrays = dict[str, Array]()
        self.network: Checkpoint | None = (
            before if before is not None and "loop" in before.state else None
        )

    def found(self, name: str) -> dict[str, Array]:
        """Return the arrays of a stage that an interrupted run has finished; {}: it has not."""
        arrays: dict[str, Array] = {} if self._before is None else dict(self._before.under(name))
        self.arrays |= {f"{name}/{key}": value for key, value in arrays.items()}
        return arrays

    def keep(self, name: str, arrays: Mapping[str, Array], *, now: bool = False) -> None:
        """Keep the arrays of a stage; they are written `now`, or where it is time for a
        checkpoint.
        """
        self.arrays |= {f"{name}/{key}": value for key, value in arrays.items()}
        if now or self.run.checkpoints.due():
            self.run.checkpoints.save(0, self.arrays, {})


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What every step of a training reads: the texts, the settings and the run."""

    corpus: LabelsCorpus
    settings: LabelsSettings
    run: Run
    stages: Stages

    def within(self, seconds: float) -> Callable[[], bool]:
        """Return a `check` that is True once so many seconds have passed."""
        end = time.monotonic() + seconds

        def is_late() -> bool:
            self.check()
            return time.monotonic() > end

        return is_late

    def check(self) -> None:
        """Raise `Interrupted` where the training has to stop."""
        self.run.interrupt.check()
