"""Numbers and texts in a form for people."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from foretell.readable import card, duration, frame, percent, visible


def test_durations_and_percentages() -> None:
    assert [duration(s) for s in (5.4, 59.6, 185, 7800)] == ["5 s", "1 min 00 s", "3 min 05 s", "2 h 10 min"]
    assert percent(0.8505) == "85.05 %"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    controls = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e"} - {"\t", "\n"}
    assert not controls & set(shown)


def test_a_control_character_becomes_its_picture() -> None:
    assert visible("a\x1b[31m\tb\nc\x7f\x9b") == "a\u241b[31m\tb\nc\u2421\ufffd"


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
