"""HTML for notebooks: whole pages in a frame, and small tables. It has no scripts and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from foretell.readable import visible

_CELL = "text-align:left;vertical-align:top"


def frame(page: str, height: int = 480) -> str:
    """Return a whole HTML page in a frame, so that its style does not reach the notebook, nor scripts run.

    Args:
        page: the HTML of the page.
        height: of the frame, in pixels.
    """
    return (
        f'<iframe sandbox="" srcdoc="{escape(page)}" width="100%" height="{height}" '
        'style="border:0" title="foretell"></iframe>'
    )


def card(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a title and a table of names and values; all of it is escaped."""
    body = "".join(
        f'<tr><th style="{_CELL}">{_text(name)}</th><td style="{_CELL}">{_text(value)}</td></tr>'
        for name, value in rows
    )
    return f"<div><strong>{_text(title)}</strong><table>{body}</table></div>"


def _text(value: str) -> str:
    """Escape a text and isolate it: a right-to-left text must not reorder the text around it."""
    return f"<bdi>{escape(visible(value))}</bdi>"
