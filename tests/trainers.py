"""Trainings for tests: the options of a training as keyword arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.training.events import Event, Note
from foretell.training.labels.teacher import Encoder
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions


class Notes(list[str]):
    """A listener that keeps the text of each note."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            self.append(event.text)


def train(
    examples: Examples,
    settings: LabelsSettings,
    *,
    valid: Examples | None = None,
    unlabelled: Sequence[str] = (),
    vectors: str | Path | None = None,
    teacher: Encoder | None = None,
    keep_teacher: bool = False,
    **options: Any,
) -> Model:
    """Train a classifier; `options` are the fields of `TrainOptions`."""
    split = make_split(
        examples,
        valid=valid,
        unlabelled=unlabelled,
    )
    return train_labels(
        split,
        settings,
        TrainOptions(**options),
        vectors=vectors,
        teacher=teacher,
        keep_teacher=keep_teacher,
    )
