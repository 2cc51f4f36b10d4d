"""The options of `train words` and `train labels` for training on several workers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.options import Whole

if TYPE_CHECKING:
    from foretell.cluster.folds import FoldWorkers
    from foretell.cluster.training import RayWorkers

CLUSTER = Group("Cluster (several workers, on this machine or on many)", sort_key=6)


@Parameter(name="*", group=CLUSTER)
@dataclass(frozen=True, kw_only=True)
class TrainCluster:
    """Where a training runs.

    Attributes:
        cluster: Train on several workers, each on some of the streams: local starts a Ray cluster on this
            machine, auto uses the one that Ray finds, ADDRESS is the HOST:PORT of a head.
        workers: Number of workers. Without it, one for each processor of the cluster, at most one for each
            stream.
        average_every: Let each worker train on its own, and average their weights every N steps (post-local
            SGD). With 1, the gradients are summed in every step.
    """

    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None
    workers: Annotated[Whole | None, Parameter(metavar="N")] = None
    average_every: Annotated[Whole, Parameter(metavar="N")] = 1

    def others(self) -> AbstractContextManager[RayWorkers | None]:
        """Return the context in which the other workers can be started.

        Raises:
            UsageError: see `foretell.cluster.training.training_workers`.
        """
        from foretell.cluster.training import training_workers

        return training_workers(self.cluster, workers=self.workers, average_every=self.average_every)


ALONE = TrainCluster()


@Parameter(name="*", group=CLUSTER)
@dataclass(frozen=True, kw_only=True)
class FoldsCluster:
    """Where linear models are chosen and the networks of folds are trained.

    Attributes:
        cluster: Choose linear models and train the networks of the folds in parallel: local starts a Ray
            cluster on this machine, auto uses the one that Ray finds, ADDRESS is the HOST:PORT of a head.
        workers: Number of workers. Without it, one for each processor of the cluster, at most one for each
            fold.
    """

    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None
    workers: Annotated[Whole | None, Parameter(metavar="N")] = None

    def others(self) -> AbstractContextManager[FoldWorkers | None]:
        """Return the context in which the workers can be started.

        Raises:
            UsageError: see `foretell.cluster.folds.fold_workers`.
        """
        from foretell.cluster.folds import fold_workers

        return fold_workers(self.cluster, workers=self.workers)


WITHOUT_WORKERS = FoldsCluster()
