"""A classifier's answers to validation texts: what tells a better trial from a luckier one.

A training reports figures, not the answers behind them. `recorded` takes the answers where the figures are
computed, inside the process of a trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.arrays import Integers, Probabilities

ANSWERS = "answers.npz"


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to texts that the model has not seen, out of fold or of a validation set.

    Attributes:
        targets: the place of each text's label among the sorted labels, [text].
        probabilities: [text, label].
    """

    targets: Integers
    probabilities: Probabilities

    def save(self, folder: Path) -> None:
        """Write them into the folder of a trial."""
        with (folder / ANSWERS).open("wb") as file:
            np.savez(file, targets=self.targets, probabilities=self.probabilities)

    def are_of_the_texts_of(self, other: Answers) -> bool:
        """Return whether both are answers to the same texts."""
        return bool(np.array_equal(self.targets, other.targets))


def read_answers(folder: Path) -> Answers | None:
    """Return the answers in the folder of a trial; None: there are none."""
    path = folder / ANSWERS
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return Answers(arrays["targets"], arrays["probabilities"])


@contextmanager
def recorded(found: list[Answers]) -> Iterator[None]:
    """Append the answers of each training that ends while the context is open. Not for several threads."""
    from foretell.training.labels import figures as module

    original = module.figures

    def figures(
        texts: Sequence[str], targets: Integers, probabilities: Probabilities, labels: Sequence[str]
    ) -> dict[str, Any]:
        found.append(Answers(np.array(targets), np.array(probabilities, np.float32)))
        return original(texts, targets, probabilities, labels)  # type: ignore[arg-type]

    module.figures = figures
    try:
        yield
    finally:
        module.figures = original
