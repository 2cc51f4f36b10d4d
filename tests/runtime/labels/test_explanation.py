"""The page of an explanation: whole, self-contained, and safe whatever the text and the label
are.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from html_pages import Page
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError
from foretell.readable import visible
from foretell.runtime.labels.explanation import Explanation, Word, by_strength, to_html, write_html

OURS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "footer",
        "h1",
        "h2",
        "p",
        "div",
    ),
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
    st.one_of(
        st.sampled_from(HOSTILE), st.text(), st.lists(st.sampled_from(HOSTILE)).map(" ".join)
    ),
    st.one_of(st.sampled_from(HOSTILE), st.text()),
)
def test_no_text_and_no_label_brings_anything_of_its_own(text: str, label: str) -> None:
    page = Page(to_html(made(text, label)))
    assert set(page.tags) <= OURS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    if text.strip():
        assert page.quote == visible(text)
    to_html(made(text, label)).encode("utf-8")


def test_it_shows_the_largest_effects_first_and_allows_its_own_style_alone() -> None:
    found = made("one two three four five")
    assert [word.text for word in by_strength(found)] == ["five", "four", "three", "two", "one"]
    html = to_html(found)
    Page(html).check_policy()
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
