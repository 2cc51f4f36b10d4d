"""HTML for notebooks: whole pages in a frame, and small tables. Nothing runs or is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from foretell.errors import ArtifactError


def frame(page: str, height: int = 480) -> str:
    """Return a whole HTML page in a frame, so that its style does not reach the notebook, nor scripts run.

    Args:
        page: the HTML of the page.
        height: of the frame, in pixels.
    """
    return (
        f'<iframe sandbox="" srcdoc="{escape(page)}" width="100%" height="{height}" '
        'style="border: 0" title="foretell"></iframe>'
    )


def card(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a title and a table of names and values; all of it is escaped."""
    body = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left"><bdi>{escape(value)}</bdi></td></tr>'
        for name, value in rows
    )
    return f"<div><strong><bdi>{escape(title)}</bdi></strong><table>{body}</table></div>"


@dataclass(frozen=True)
class Report:
    """The report of a training as one HTML page; a notebook shows it.

    >>> clf.report().save("report.html")

    Attributes:
        html: the page. It loads nothing and runs no scripts. It quotes validation texts.
    """

    html: str

    @classmethod
    def read(cls, model: Path) -> Report:
        """Return the report of a model directory.

        Raises:
            ArtifactError: it has none; `save` leaves it out, because it quotes texts.
        """
        page = model / "run" / "report.html"
        try:
            return cls(page.read_text(encoding="utf-8"))
        except OSError as error:
            raise ArtifactError(
                expected="the report of the training",
                found=error.strerror or str(error),
                where=str(page),
                fix="train with out=, which keeps it; a saved copy of a model has none",
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the page to a file; an older one is replaced."""
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        return frame(self.html, height=720)

    def __repr__(self) -> str:
        return f"Report({len(self.html):,} characters of HTML; .save('report.html') writes it to a file)"
