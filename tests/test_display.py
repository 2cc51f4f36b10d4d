"""HTML for notebooks: escaped, without scripts, a page in a frame of its own."""

from __future__ import annotations

from html.parser import HTMLParser

from foretell.display import card, frame

EVIL = '<script>alert(1)</script>\x1b[31m\u202e"'


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_is_in_a_frame_without_rights() -> None:
    page = Page(frame(EVIL, height=300))
    assert page.tags == ["iframe"]
    assert page.attributes["sandbox"] == ""
    assert page.attributes["height"] == "300"
    assert page.attributes["srcdoc"] == EVIL


def test_a_card_escapes_every_text() -> None:
    html = card(EVIL, [(EVIL, EVIL), ("vocabulary", "7 words")])
    page = Page(html)
    assert set(page.tags) == {"div", "strong", "bdi", "table", "tr", "th", "td"}
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert page.text.endswith("vocabulary7 words")
