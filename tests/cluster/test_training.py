"""Training on several workers: what is refused, how processors are divided, and one training on Ray."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.cluster import session, training
from foretell.cluster.session import Cluster
from foretell.cluster.training import RayWorkers, threads_of, training_workers
from foretell.errors import UsageError
from foretell.language_model import LanguageModel

CLUSTER = Cluster(address="127.0.0.1:9", processors=4, nodes=1, is_own=True, start_seconds=0)
TINY = {
    "embedding_size": 6, "units": 5, "window": 5, "streams": 4, "epochs": 1, "min_steps": 1, "dropout": 0.3,
    "learning_rate": 0.01, "optimizer": "adam", "kneser_ney": False,
}  # fmt: skip


def texts() -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(f"w{int(k)}" for k in rng.zipf(1.5, 12) % 40) for _ in range(300)]


@pytest.mark.parametrize(
    ("nodes", "workers", "threads"),
    [([2], 2, 1), ([2], 1, 2), ([16] * 64, 64, 16), ([4, 4, 4], 2, 4), ([4, 4, 4], 4, 2), ([3, 5], 8, 1)],
)
def test_every_worker_has_a_place_on_a_node(nodes: list[int], workers: int, threads: int) -> None:
    assert threads_of(nodes, workers) == threads


def test_more_workers_than_streams_or_processors_are_refused() -> None:
    assert RayWorkers(CLUSTER, None).count(3) == 3
    assert RayWorkers(CLUSTER, 2).count(16) == 2
    with pytest.raises(UsageError, match=r"at most 3 workers, one for each stream .* --streams"):
        RayWorkers(CLUSTER, 4).count(3)
    with pytest.raises(UsageError, match=r"workers: expected at most 4 workers, one for each processor"):
        RayWorkers(CLUSTER, 5)


@pytest.mark.parametrize(
    ("cluster", "workers", "every", "message"),
    [
        (None, 2, 1, "expected a cluster with workers and average-every, found none"),
        (None, None, 8, "expected a cluster"),
        ("local", 0, 1, "workers: expected 1 or more, found 0"),
        ("local", 1, 0, "average-every: expected 1 or more"),
        ("local", 10_000, 1, "one for each processor of the cluster, found 10000"),
        ("ray://here:1", 1, 1, "expected local, auto, or the HOST:PORT of a head"),
    ],
)
def test_what_cannot_mean_anything_is_wrong_usage(
    cluster: str | None, workers: int | None, every: int, message: str
) -> None:
    with (
        pytest.raises(UsageError, match=message),
        training_workers(cluster, workers=workers, average_every=every),
    ):
        pass


def test_without_a_cluster_there_are_no_workers_and_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with training_workers(None) as workers:
        assert workers is None


@pytest.mark.timeout(120)
def test_two_workers_on_ray_end_with_the_weights_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two workers, each with a processor of Ray's count, on machines with one processor too.
    for module in (session, training):
        monkeypatch.setattr(module, "usable_processors", lambda: 2)
    options = {"baseline": False, **TINY}
    two = LanguageModel.train(texts(), out=tmp_path / "two", cluster="local", workers=2, **options)
    one = LanguageModel.train(texts(), out=tmp_path / "one", **options)
    assert (two.metrics["workers"], two.metrics["steps"]) == (2, one.metrics["steps"])
    assert two.metrics["perplexity"] == pytest.approx(one.metrics["perplexity"], rel=1e-3)
    # The token and the number of threads were for the training alone.
    assert not [name for name in os.environ if name.startswith(("RAY_AUTH", "TF_NUM", "NUMBA_NUM"))]
