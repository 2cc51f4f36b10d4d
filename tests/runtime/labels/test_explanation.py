"""The page of an explanation: whole, self-contained, and safe whatever the text and the label are."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError
from foretell.readable import visible
from foretell.runtime.labels.explanation import (
    Explanation,
    Word,
    by_strength,
    to_html,
    write_html,
)

OURS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "h1", "h2", "p", "div"),
    *("span", "b", "i", "bdi", "figure", "figcaption", "svg", "line", "text", "polyline"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "dir", "title", "scope", "role"),
    *("aria-label", "viewbox", "x", "y", "x1", "x2", "y1", "y2", "points", "text-anchor"),
}
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><style>*{background:url(http://x)}",
    "\" onmouseover='alert(1)",
    "</title><svg/onload=alert(1)>",
    "&lt;b&gt; \x00\x1b[31m \u202e \ud800",
]


class Page(HTMLParser):
    """Checks that tags nest and collects what is there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.quote = self.style = self.policy = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self._open.append((tag, dict(attrs).get("class")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if ("p", "text") in self._open:
            self.quote += data
        if self._open and self._open[-1][0] == "style":
            self.style += data


def made(text: str, label: str = "positive") -> Explanation:
    """Return an explanation of a text, whatever its words are; every third is unread."""
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    words = tuple(
        Word(text[a:b], a, b, effect=(-1) ** i * i / 3, without=0.5, is_read=i % 3 != 0)
        for i, (a, b) in enumerate(spans)
    )
    running = tuple(0.5 + 0.4 * (-1) ** i for i in range(len(words)))
    return Explanation(text, label, 0.9, words, running, 1)


@settings(max_examples=20, deadline=None)
@given(
    st.one_of(st.sampled_from(HOSTILE), st.text(), st.lists(st.sampled_from(HOSTILE)).map(" ".join)),
    st.one_of(st.sampled_from(HOSTILE), st.text()),
)
def test_no_text_and_no_label_brings_anything_of_its_own(text: str, label: str) -> None:
    page = Page(to_html(made(text, label)))
    assert page.names <= OURS
    assert page.attributes <= ATTRIBUTES
    if text.strip():
        assert page.quote == visible(text)
    to_html(made(text, label)).encode("utf-8")


def test_it_shows_the_largest_effects_first_and_allows_its_own_style_alone() -> None:
    found = made("one two three four five")
    assert [word.text for word in by_strength(found)] == ["five", "four", "three", "two", "one"]
    html = to_html(found)
    page = Page(html)
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.policy == policy
    assert "url(" not in page.style
    assert found._repr_html_().startswith('<iframe sandbox=""')
    assert html.index(">five</bdi>") < html.index(">two</bdi>")
    assert '<b class="for8" title="+1.33">five</b>' in html
    assert 'class="against' in html


def test_it_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "why.html"
    write_html(made("first"), path)
    write_html(made("second \ud800"), path)
    assert path.read_text(encoding="utf-8") == to_html(made("second \ud800"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        ForetellError, match=r"why\.html: expected a file that can be written, found No space"
    ):
        write_html(made("third"), path)
    assert "second" in path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["why.html"]
