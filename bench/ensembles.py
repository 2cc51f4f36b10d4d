"""A classifier trained by the command line: test accuracy of its ensemble, network and linear model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bench.commands import foretell
from bench.record import mean_and_range
from bench.records import Files


@dataclass(frozen=True)
class Measured:
    """Test accuracies of one training, and the seconds of its command."""

    ensemble: float
    network: float
    linear: float
    seconds: float


@dataclass(frozen=True)
class OverSeeds:
    """The trainings with several seeds."""

    runs: list[Measured]

    @property
    def mean(self) -> Measured:
        """The mean of each figure."""
        names = [field.name for field in dataclasses.fields(Measured)]
        return Measured(**{name: mean(getattr(run, name) for run in self.runs) for name in names})

    @property
    def ensemble(self) -> str:
        """The mean and the range of the ensemble's accuracy."""
        return mean_and_range([run.ensemble for run in self.runs], ".1%")

    @property
    def figures(self) -> list[dict[str, Any]]:
        """Every figure of every training, ready for JSON."""
        return [dataclasses.asdict(run) for run in self.runs]


def measure_seeds(files: Files, out: Path, seeds: int, *options: str) -> OverSeeds:
    """Measure with the seeds 1 to `seeds`; see `measure`."""
    return OverSeeds([measure(files, out, "--seed", str(seed + 1), *options) for seed in range(seeds)])


def measure(files: Files, out: Path, *options: str) -> Measured:
    """Train by the command line into `out`, in place of a model that is there, and test the model.

    The test records are predicted once by each classifier and once by the ensemble.
    """
    import numpy as np

    from foretell.artifacts.directory import open_verified
    from foretell.data.examples import read_examples
    from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
    from foretell.ngrams.labelwise import LabelwiseEnsemble
    from foretell.runtime.labels.classifier import LabelsRuntime

    done = foretell("train", "labels", *files.options, *options, "--out", out, "--restart")
    opened, examples = open_verified(out), read_examples(str(files.test))

    def accuracy(ensemble: Ensemble | LabelwiseEnsemble) -> float:
        runtime = LabelsRuntime(dataclasses.replace(opened, ensemble=ensemble))
        predicted = np.array(runtime.labels)[runtime.predict_proba(examples.texts).argmax(axis=1)]
        return float(np.mean(predicted == np.array(examples.labels)))

    linear = Ensemble(network=0.0, linear=1.0)
    return Measured(accuracy(opened.ensemble), accuracy(NETWORK_ALONE), accuracy(linear), done.seconds)
