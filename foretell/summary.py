"""What notebooks show of a model, for both public classes: a summary, and the report of its training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from foretell.artifacts.manifest import RUN
from foretell.artifacts.model import Model
from foretell.display import card, frame
from foretell.training.report import REPORT, figure_rows, report_of

_MAX_FIGURES = 6


@dataclass(frozen=True)
class Report:
    """The report of a training as one HTML page; a notebook shows it.

    >>> lm.report().save("report.html")

    Attributes:
        html: the page. It loads nothing and runs no scripts. That of a classifier quotes validation texts.
        path: the file that the training wrote; None: the model was saved without its run, and the page has
            its figures alone.
    """

    html: str = field(repr=False)
    path: Path | None

    def save(self, path: str | Path) -> None:
        """Write the page to a file; an older one is replaced."""
        # A text can hold half of a surrogate pair, which UTF-8 cannot encode.
        Path(path).write_bytes(self.html.encode("utf-8", "replace"))

    def _repr_html_(self) -> str:
        return frame(self.html, height=720)


def report_for(model: Model) -> Report:
    """Return the report of an opened model."""
    path = model.directory / RUN / REPORT
    return Report(report_of(model.directory, model.metrics), path if path.is_file() else None)


def summary_html(kind: str, model: Model, facts: Iterable[tuple[str, str]]) -> str:
    """Return a summary of an opened model as HTML: facts, the first figures, the model directory.

    Args:
        kind: the name of the class.
        model: the model.
        facts: what is particular to the class, as names and values.
    """
    figures = figure_rows(model.metrics)[:_MAX_FIGURES]
    rows = [("preset", model.preset), *facts, *figures, ("model directory", str(model.directory))]
    return card(kind, rows)
