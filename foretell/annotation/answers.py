"""What a person answered about a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["label", "skip", "none", "unclear"]
"""label: the text has this label. none: no label applies. unclear: the text does not show which label
applies. skip: no answer."""

Part = Literal["train", "test"]
"""test: the text was drawn at random, and is never trained on."""

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer about one text.

    Attributes:
        text: the text.
        kind: "label", "skip", "none" or "unclear".
        label: the label, where the kind is "label"; None otherwise.
        part: "train", or "test" for a text that was drawn at random.
        suggested: the label that was shown as a suggestion; None: none was shown.
        by: who answered; may be empty.
        at: when, in UTC, as ISO 8601.
        batch: the number of the decision, from 1: texts that were labelled at once share it.
    """

    text: str
    kind: Kind
    label: str | None = None
    part: Part = "train"
    suggested: str | None = None
    by: str = ""
    at: str = ""
    batch: int = 0
