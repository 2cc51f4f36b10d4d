"""What notebooks show of a model, for both public classes: a summary, and the report of its training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foretell.artifacts.manifest import RUN
from foretell.artifacts.model import Model
from foretell.display import card, frame
from foretell.metrics.shown import remarks_on, result_of, rows_of
from foretell.readable import visible
from foretell.training.report import REPORT, report_of

_MAX_METRICS = 6


@dataclass(frozen=True)
class Report:
    """The report of a training as one HTML page, which a notebook shows, and as text, which `print` shows.

    >>> lm.report().save("report.html")

    Attributes:
        html: the page. It loads nothing and runs no scripts. That of a classifier quotes validation texts.
        path: the file that the training wrote; None: the model was saved without its run, and the page has
            its metrics alone.
        text: the result, what it means, and every metric.
    """

    html: str = field(repr=False)
    path: Path | None
    text: str = field(repr=False, default="")

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | Path) -> None:
        """Write the page to a file; an older one is replaced."""
        # A text can hold half of a surrogate pair, which UTF-8 cannot encode.
        Path(path).write_bytes(self.html.encode("utf-8", "replace"))

    def _repr_html_(self) -> str:
        return frame(self.html, height=720)


def report_for(model: Model) -> Report:
    """Return the report of an opened model."""
    path = model.directory / RUN / REPORT
    page = report_of(model.directory, model.metrics)
    return Report(page, path if path.is_file() else None, metrics_text(model.metrics))


def metrics_text(metrics: Mapping[str, object]) -> str:
    """Return the metrics of a training for people: the result, what it means, and a row for each."""
    rows = [(visible(name), visible(value)) for name, value in rows_of(metrics)]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join([result_of(metrics), *remarks_on(metrics), *lines])


def summary_html(kind: str, model: Model, facts: Iterable[tuple[str, str]]) -> str:
    """Return a summary of an opened model as HTML: facts, the first metrics, the model directory.

    Args:
        kind: the name of the class.
        model: the model.
        facts: what is particular to the class, as names and values.
    """
    metrics = rows_of(model.metrics)[:_MAX_METRICS]
    rows = [("preset", model.preset), *facts, *metrics, ("model directory", str(model.directory))]
    return card(kind, rows)
