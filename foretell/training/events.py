"""The events of a training. Trainers emit them; the command line and notebooks show them.

Training never prints: it calls one `Listener` with one event after another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """One line about the data or a decision: an encoding, a leak, a choice that was made."""

    text: str


@dataclass(frozen=True)
class Stage:
    """A stage of the training has begun, or has come further.

    Attributes:
        name: the stage, such as "linear models".
        done: the part of the whole training that is done, 0 to 1, an estimate.
    """

    name: str
    done: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of the network, which is trained after the other stages.

    Attributes:
        step, steps: training steps done and planned, over the whole run.
        epoch, epochs: the current epoch (from 1) and how many are planned.
        loss, accuracy: means on training text, in nats and from 0 to 1: of a language model since
            the last event, of a classifier since the epoch began.
        speed: per second, in `unit`.
        unit: "words", "texts" or "iterations".
        seconds_left: an estimate, or None.
        best: the lowest validation loss so far, or None.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    speed: float
    unit: str
    seconds_left: float | None = None
    best: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochDone:
    """The end of an epoch (of 1,000 iterations with the words preset article)."""

    epoch: int
    epochs: int
    step: int
    loss: float
    accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    is_best: bool = False


@dataclass(frozen=True, kw_only=True)
class Checkpointed:
    """A checkpoint is on disk."""

    path: Path
    step: int


Event = Note | Stage | Progress | EpochDone | Checkpointed
"""What a listener is called with."""

Listener = Callable[[Event], None]
"""A function that is called with each event of a training, in their order."""


def silent(event: Event) -> None:
    """A listener that shows nothing."""
