"""A page of HTML, parsed: whether its tags nest, and what is in it."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects what is in a page; fails where its tags do not nest.

    Attributes:
        tags: in order.
        attributes: names and values, in order.
        text: without the style.
        quote: the text of the paragraph whose class is "text".
        style: the style sheet.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = self.quote = self.style = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self._open.append((tag, dict(attrs).get("class")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if ("style", None) in self._open:
            self.style += data
        else:
            self.text += data
            self.quote += data if ("p", "text") in self._open else ""

    def check_policy(self) -> None:
        """Check that the page loads nothing, and allows its own style alone."""
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        )
        assert ("content", policy) in self.attributes
        assert "url(" not in self.style
