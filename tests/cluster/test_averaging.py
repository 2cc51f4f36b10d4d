"""`train words --cluster`: what is refused, and one training on Ray in which a worker is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.cluster import session
from foretell.cluster.averaging import RayWorkers, training_workers
from foretell.errors import UsageError
from foretell.language_model import LanguageModel
from foretell.training.events import EpochDone, Event

TINY: dict[str, Any] = {
    "embedding_size": 6,
    "units": 5,
    "window": 5,
    "streams": 4,
    "epochs": 2,
    "min_steps": 1,
    "learning_rate": 5.0,
    "kneser_ney": False,
    "baseline": False,
}


def texts() -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(f"w{int(k)}" for k in rng.zipf(1.5, 12) % 40) for _ in range(300)]


@pytest.mark.parametrize(
    ("cluster", "workers", "every", "message"),
    [
        (None, 2, None, "expected a cluster with workers, found none; add --cluster local"),
        (None, None, 8, "expected a cluster with average-every"),
        ("local", 0, None, "workers: expected 1 or more, found 0"),
        ("ray://here:1", 1, None, "expected local, auto, or the HOST:PORT of a head"),
    ],
)
def test_what_cannot_mean_anything_is_wrong_usage(
    cluster: str | None, workers: int | None, every: int | None, message: str
) -> None:
    with (
        pytest.raises(UsageError, match=message),
        training_workers(cluster, workers=workers, average_every=every),
    ):
        pass


@pytest.mark.timeout(600)
def test_two_workers_of_which_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two workers, each with a processor of Ray's count, on machines with one processor too.
    monkeypatch.setattr(session, "usable_processors", lambda: 2)
    made: list[RayWorkers] = []
    first = RayWorkers.__init__

    def noted(self: RayWorkers, *given: Any) -> None:
        first(self, *given)
        made.append(self)

    def kill(event: Event) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            os.kill(made[0].processes[1], signal.SIGKILL)

    monkeypatch.setattr(RayWorkers, "__init__", noted)
    # An epoch is one round. No other round waits for the worker in the place of the killed one.
    how: dict[str, Any] = {"cluster": "local", "workers": 2, "average_every": 200, "listener": kill}
    model = LanguageModel.train(texts(), out=tmp_path / "m", **how, **TINY)
    assert model.metrics["workers"] == 2
    # 2 epochs of 95 % of 300 lines of 13 tokens, by 2 workers with 4 streams of windows of 5.
    assert model.metrics["steps"] == pytest.approx(185, rel=0.1)
    # It has learned: there are 40 words and the end of a line.
    assert model.metrics["perplexity"] < 25
    # The token and the number of threads were for the training alone.
    assert not [name for name in os.environ if name.startswith(("RAY_AUTH", "TF_NUM", "NUMBA_NUM"))]
