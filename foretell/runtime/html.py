"""HTML for notebooks and pages, which has no scripts and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape

from foretell.readable import FIRST_STRONG_ISOLATE, POP_ISOLATE, visible

_CELL = "text-align:left;vertical-align:top"


def frame(page: str, height: int = 480) -> str:
    """Return a whole HTML page in a frame, so that its style does not reach the notebook, nor
    scripts run.

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
        f'<tr><th style="{_CELL}">{html_text(name)}</th><td '
        f'style="{_CELL}">{html_text(value)}</td></tr>'
        for name, value in rows
    )
    return f"<div><strong>{html_text(title)}</strong><table>{body}</table></div>"


def html_text(value: object, most: int = 10_000) -> str:
    """Escape a text, cut it after `most` characters, and isolate it, and what is `isolated` in it:
    it cannot reorder the text around it.
    """
    text = str(value)
    if len(text) > most:
        text = f"{text[:most].rstrip()} …"
    shown = escape(visible(text))
    for mark, tag in ((FIRST_STRONG_ISOLATE, "<bdi>"), (POP_ISOLATE, "</bdi>")):
        shown = shown.replace(mark, tag)
    return f"<bdi>{shown}</bdi>"


def html_page(title: str, style: str, parts: Iterable[str]) -> str:
    """Return a page that is safe to open and to mail: its policy permits only its own style, by
    hash.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" '
        'content="light dark">\n'
        f"<title>{escape(visible(title))}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, parts))
        + "\n</main>\n</body>\n</html>\n"
    )
