"""Rows: texts with soft targets and weights. What members learn from, wherever a row comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from foretell.arrays import Array, Float64s, Mask
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.training.labels.outputs import Outputs
from foretell.training.labels.tokens import Soft, TokenizedTexts, Tokens

Lesson = tuple[Mask, Soft, Float64s]
"""What a member learns: a mask of texts, soft targets [text, label], weights [text] or [text,
label].
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The texts that members are fitted to, as they are written and tokenized. Make them with
    `rows_of`.

    Attributes:
        targets: int32 [text]; float32 [text, label], NaN for unknown, where texts may have several
            labels.
        counts: float64 [text], how much each text counts.
        hints: how many of the texts, the last ones, are words for labels. They are never held out,
            and only members of their own learn from them.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    targets: Array
    counts: Float64s
    unlabelled: TokenizedTexts
    outputs: Outputs
    hints: int = 0

    @cached_property
    def is_labelled(self) -> Mask:
        """Which texts are not hints, bool [text]."""
        return np.arange(len(self.texts)) < len(self.texts) - self.hints

    @cached_property
    def soft(self) -> Soft:
        """The labels as probabilities, float32 [text, label]."""
        return self.outputs.soft(self.targets)

    @cached_property
    def weights(self) -> Float64s:
        """How much each text counts, [text]; [text, label] where texts may have several labels."""
        return self.outputs.row_weights(self.targets, self.counts)

    def labelled(self, inside: Mask) -> Lesson:
        """Return what there is to learn from the labelled texts `inside`."""
        return inside & self.is_labelled, self.soft, self.weights

    def hinted(self, _: Mask) -> Lesson:
        """Return what there is to learn from the hints alone: the same for every fold."""
        return ~self.is_labelled, self.soft, np.ones(len(self.texts))


def rows_of(tokens: Tokens, split: Split, outputs: Outputs, *, with_valid: bool) -> Rows:
    """Return the training texts, with `with_valid` the validation texts, and then the hints on
    labels.
    """
    given = [
        (split.train, tokens.train),
        (split.valid if with_valid else None, tokens.valid),
        (split.hints, tokens.hints),
    ]
    parts = [(each.texts, part) for each, part in given if each is not None and part is not None]
    return Rows(
        texts=[text for texts, _ in parts for text in texts],
        tokenized=reduce(TokenizedTexts.followed_by, [part.texts for _, part in parts]),
        targets=np.concatenate([part.targets for _, part in parts]),
        counts=np.concatenate([part.counts for _, part in parts]),
        unlabelled=tokens.unlabelled,
        outputs=outputs,
        hints=0 if tokens.hints is None else len(tokens.hints.targets),
    )


def joined(parts: Sequence[Examples], name: str) -> Examples:
    """Return the examples of several parts, one after another; labels are of the type of the first
    part's.
    """
    weights = [weight for part in parts for weight in part.weights or [1.0] * len(part)]
    return Examples(
        [text for part in parts for text in part.texts],
        [label for part in parts for label in part.labels],
        name=name,
        weights=weights if any(part.weights is not None for part in parts) else None,
        label_type=parts[0].label_type,
    )
