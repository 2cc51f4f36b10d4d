"""`Explanation`: why a text has its label, and the same as one self-contained HTML page.

The page is safe to open and to mail whatever the text contains. It has no script and loads nothing;
its Content-Security-Policy permits only its own style sheet, by hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from foretell.artifacts.replacement import new_file
from foretell.readable import percent, visible
from foretell.runtime.html import frame, html_page

LEVELS = 8
# The smallest effect, in nats, that has the strongest colour: small effects stay pale in every
# text.
STRONG = 1.0
MAX_ROWS = 25

_WIDTH = 560
_HEIGHT = 150
_LEFT = 52
_BOTTOM = 26
_STYLE = files("foretell.runtime.labels").joinpath("explanation.css").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Word:
    """The effect of one word.

    Attributes:
        text: the word as it is written, `text[start:end]` of the whole.
        start, end: where it is, in Unicode code points.
        effect: log-odds of the label with the word minus without it, in nats; above 0 the word
            makes the label more probable.
        without: the label's probability without the word.
        is_read: whether the network reads it: of a long text it reads the end. Words before that
            affect only the linear model.
    """

    text: str
    start: int
    end: int
    effect: float
    without: float
    is_read: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text has its label; a notebook shows it as the page of `foretell explain --html`.

    Attributes:
        text: the text.
        label: the label that is explained: the most probable one, if no other was asked for.
        probability: its probability, 0 to 1.
        words: every word of the text, in order.
        running: the label's probability after `stride` words, 2 · `stride` words and so on, and at
            last after all of them, which is `probability`.
        stride: words from one point of `running` to the next: 1 up to 100 words, 2 up to 200, ...
        together: how many consecutive words are left out together: 1, or where the service bounds
            it, 1 up to 400 words, 2 up to 800, ... Each of them has an equal part of the effect of
            all of them, and the probability without all of them.
    """

    text: str
    label: Any
    probability: float
    words: tuple[Word, ...]
    running: tuple[float, ...]
    stride: int
    together: int = 1

    def _repr_html_(self) -> str:
        return frame(to_html(self))


def write_html(explanation: Explanation, path: str | Path) -> None:
    """Write an explanation to a file, whole or not at all; an existing file is replaced.

    Raises:
        ForetellError: it cannot be written.
    """
    with new_file(Path(path)) as new:
        new.write_bytes(to_html(explanation).encode("utf-8"))


def to_html(explanation: Explanation) -> str:
    """Return an explanation as an HTML page."""
    label = _shown(str(explanation.label))
    header = (
        f"<header><h1><bdi>{label}</bdi> <span>{percent(explanation.probability)}</span></h1>"
        '<p class="soft">The effect of each word of this text on its label</p></header>'
    )
    sections = (_text(explanation), _curve(explanation), _table(explanation), _claims(explanation))
    return html_page(f"{explanation.label} · foretell explain", _STYLE, [header, *sections])


def level(word: Word, strongest: float) -> int:
    """Return the level of colour of a word, 0 to 8, in a text whose largest effect is `strongest`
    nats.
    """
    return min(LEVELS, round(LEVELS * abs(word.effect) / max(strongest, STRONG)))


def by_strength(explanation: Explanation) -> list[Word]:
    """Return the words in the order of the size of their effects, the largest first."""
    return sorted(explanation.words, key=lambda word: -abs(word.effect))


def _shown(text: str) -> str:
    return escape(visible(text))


def _text(explanation: Explanation) -> str:
    label = _shown(str(explanation.label))
    unread = ""
    if not all(word.is_read for word in explanation.words):
        unread = " · <i>not read by the network</i>"
    key = (
        '<p class="soft key"><b class="for5">raises</b> or <b class="against5">lowers</b> '
        f"the probability of <bdi>{label}</bdi>{unread}</p>"
    )
    marked = "".join(_marked(explanation)) or '<span class="soft">no words</span>'
    return (
        f'<h2>The text</h2>\n{key}\n<div class="card"><p class="text" dir="auto">{marked}</p></div>'
    )


def _marked(explanation: Explanation) -> Iterator[str]:
    """Yield the text, each word with an effect marked."""
    strongest = max((abs(word.effect) for word in explanation.words), default=0.0)
    at = 0
    for word in explanation.words:
        yield _shown(explanation.text[at : word.start])
        strength = level(word, strongest)
        at = word.end
        shown = _shown(word.text)
        if strength:
            side = "for" if word.effect > 0 else "against"
            shown = f'<b class="{side}{strength}" title="{word.effect:+.2f}">{shown}</b>'
        yield shown if word.is_read else f"<i>{shown}</i>"
    yield _shown(explanation.text[at:])


def _curve(explanation: Explanation) -> str:
    points = explanation.running
    n = len(explanation.words)
    if len(points) < 2:
        return ""
    places = [min((i + 1) * explanation.stride, n) for i in range(len(points))]
    wide = _WIDTH - _LEFT - 12
    high = _HEIGHT - _BOTTOM - 10
    line = " ".join(
        f"{_LEFT + wide * (at - 1) / (n - 1):.1f},{10 + high * (1 - p):.1f}"
        for at, p in zip(places, points, strict=True)
    )
    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percentage} %</text>'
        for percentage, y in ((0, 10 + high), (50, 10 + high / 2), (100, 10))
    )
    label = _shown(str(explanation.label))
    summary = f"Probability from {percent(points[0])} to {percent(points[-1])}"
    return (
        f'<h2>The running verdict</h2>\n<div class="card"><figure>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{summary}">{grid}'
        f'<polyline class="curve" points="{line}"/><text x="{_LEFT}" y="{_HEIGHT - 6}">word '
        f"1</text>"
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 6}" text-anchor="end">{n:,}</text></svg>'
        f"<figcaption>The probability of <bdi>{label}</bdi> for the text up to each "
        f"word</figcaption>"
        "</figure></div>"
    )


def _table(explanation: Explanation) -> str:
    if not explanation.words:
        return ""
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("Word", "Effect (nats)", "Without it")
    )
    rows = "".join(
        f'<tr><th scope="row"><bdi>{_shown(word.text)}</bdi></th><td>{word.effect:+.3f}</td>'
        f"<td>{percent(word.without)}</td></tr>"
        for word in by_strength(explanation)[:MAX_ROWS]
    )
    return (
        f'<h2>The largest effects</h2>\n<div class="card '
        f'wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _claims(explanation: Explanation) -> str:
    groups = ""
    if explanation.together > 1:
        groups = (
            f" Words are left out {explanation.together} at a time, and each has an equal part of "
            "the effect."
        )
    return (
        '<footer class="soft">The effect (leave-one-out) of a word is the change of the '
        "label’s log-odds "
        "when this word alone is left out of the text; “without it” is the probability then. "
        "Effects need "
        f"not add up: words of like meaning can replace one another.{groups} Written by "
        f"foretell.</footer>"
    )
