"""Small texts of two kinds, and a person who always answers right."""

from __future__ import annotations

import random
from pathlib import Path

from foretell.annotation.annotation import Annotation, Item, annotate

LABELS = ["hardware", "billing"]
_WORDS = {
    "hardware": ["printer", "screen", "keyboard", "cable", "laptop", "battery"],
    "billing": ["invoice", "payment", "refund", "price", "receipt", "bank"],
}
_OTHERS = [
    "the",
    "my",
    "again",
    "please",
    "today",
    "late",
    "office",
    "and",
    "help",
    "with",
    "broken",
    "lost",
]


def tickets(count: int = 120, seed: int = 1) -> list[str]:
    """Return different texts, half of each label, by turns."""
    rng = random.Random(seed)
    texts = []
    for number in range(count):
        words = rng.sample(_WORDS[LABELS[number % 2]], 2) + rng.sample(_OTHERS, 5)
        rng.shuffle(words)
        texts.append(f"{' '.join(words)} no {number}")
    return texts


def label_of(text: str) -> str:
    return next(label for label in LABELS if any(word in text.split() for word in _WORDS[label]))


def shown(annotation: Annotation, *, fresh: bool = False) -> Item:
    """Return the text to label next."""
    item = annotation.next(fresh=fresh)
    assert item is not None
    return item


def answer_right(annotation: Annotation, count: int, *, fresh: bool = False) -> list[Item]:
    """Answer the next texts, and return them."""
    items = []
    for _ in range(count):
        items.append(shown(annotation, fresh=fresh))
        annotation.answer(items[-1], label_of(items[-1].text))
    return items


def opened(folder: Path, **changes: object) -> Annotation:
    """Open an annotation of the tickets with a journal in a folder."""
    given: dict[str, object] = {
        "labels": LABELS,
        "out": folder / "answers.jsonl",
        "by": "ada",
        **changes,
    }
    return annotate(given.pop("texts", tickets()), **given)  # type: ignore[arg-type]
