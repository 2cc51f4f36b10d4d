"""What a search optimizes: one validation figure of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from foretell.config import Job
from foretell.errors import SettingsError
from foretell.training.events import EpochDone

Metric = Literal["macro_f1", "accuracy", "log_loss", "perplexity"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A validation figure.

    Attributes:
        metric: its name.
        job: whose trainings have it.
        key: its name among the metrics of a training.
        title: its name for people.
        is_higher_better: accuracy and F1 yes, losses no.
    """

    metric: Metric
    job: Job
    key: str
    title: str
    is_higher_better: bool

    def value(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the figure among the metrics of a training; None: it was not measured, or is not finite."""
        value = metrics.get(self.key)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    def progress(self, event: EpochDone) -> float | None:
        """Return the network's figure at the end of an epoch, by which trials are pruned.

        It is of the network alone: accuracy where more is better, else the loss in nats.
        """
        value = event.valid_accuracy if self.is_higher_better else event.valid_loss
        return value if value is not None and math.isfinite(value) else None

    def gain(self, value: float, other: float) -> float:
        """Return how much better `value` is than `other`; below 0: worse.

        A perplexity is compared by its logarithm, in nats a token.
        """
        if self.metric == "perplexity":
            return math.log(other) - math.log(value)
        return value - other if self.is_higher_better else other - value

    def shown(self, value: float) -> str:
        """Return a value for people."""
        if self.metric == "accuracy":
            return f"{100 * value:.2f} %"
        return f"{value:,.2f}" if self.metric == "perplexity" else f"{value:.4f}"

    def shown_gain(self, gain: float) -> str:
        """Return a difference, as `gain` gives it, for people."""
        if self.metric == "accuracy":
            return f"{100 * gain:.2f} points"
        if self.metric == "perplexity":
            return f"{100 * (1 - math.exp(-gain)):.2f} %"
        return f"{gain:.4f}"


OBJECTIVES: dict[str, Objective] = {
    each.metric: each
    for each in (
        Objective(metric="macro_f1", job="labels", key="macro_f1", title="macro F1", is_higher_better=True),
        Objective(metric="accuracy", job="labels", key="accuracy", title="accuracy", is_higher_better=True),
        Objective(
            metric="log_loss", job="labels", key="valid_loss", title="log loss", is_higher_better=False
        ),
        Objective(
            metric="perplexity",
            job="words",
            key="valid_perplexity",
            title="perplexity",
            is_higher_better=False,
        ),
    )
}


def objective(metric: str) -> Objective:
    """Return the objective of a metric.

    Raises:
        SettingsError: there is no such metric.
    """
    if metric not in OBJECTIVES:
        raise SettingsError(expected=f"one of {', '.join(OBJECTIVES)}", found=repr(metric), where="metric")
    return OBJECTIVES[metric]
