"""The search for a penalty goes on while the log-loss falls, on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.training.labels.candidates import Candidate
from foretell.training.labels.folds import make_folds
from foretell.training.labels.member_search import choose
from tests.training.labels.few import few_texts

STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)


class Distance:
    """A member whose held-out scores are the better, the nearer its strength is to the best one."""

    def __init__(self, best: float, tried: list[float], labelled: Any) -> None:
        self.best, self.tried, self.labelled = best, tried, labelled

    def fit(self, strength: float, *_: Any) -> float:
        self.tried.append(strength)
        return 3 - abs(np.log10(strength / self.best))

    def scores(self, model: float, rows: Any) -> Any:
        return (model * (2.0 * self.labelled.targets[rows] - 1))[:, None]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("best", STRENGTHS)
def test_the_search_goes_on_while_the_log_loss_falls(best: float, threads: int) -> None:
    labelled, _ = few_texts(n=20)
    tried: list[float] = []
    candidate = Candidate(
        name="distance",
        on=lambda _: Distance(best, tried, labelled),
        finished=lambda _, model: model,
        strengths=STRENGTHS,
        first=2,
    )
    folds = make_folds(labelled.texts, labelled.targets, 5, seed=1)
    chosen = choose(candidate, labelled, folds, threads=threads)
    assert chosen.strength == best
    assert len(tried) == 5 * len(set(tried))
    assert (chosen.logs.argmax(axis=1) == labelled.targets).all()
