"""Rows: texts with soft targets and weights. What members learn from, wherever a row comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float64s
from foretell.data.split import Split
from foretell.training.labels.outputs import Outputs
from foretell.training.labels.tokenized import LabelledTokens, Soft, TokenizedTexts
from foretell.training.labels.tokens import Tokens

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The texts that members are fitted to. Make them with `rows_of`.

    Attributes:
        texts: as they are written.
        tokenized: the same texts.
        targets: int32 [text]; float32 [text, label], NaN for unknown, where texts may have several labels.
        counts: float64 [text], how much each text counts.
        unlabelled: other texts, without labels.
        outputs: what scores mean.
        hints: how many of the texts, the last ones, are words for labels. They are never held out, and only
            members of their own learn from them.
        taught: float32 [text, label], the probabilities of the first texts; None: `targets` are certain.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    targets: npt.NDArray[Any]
    counts: Float64s
    unlabelled: TokenizedTexts
    outputs: Outputs
    hints: int = 0
    taught: Soft | None = None

    @cached_property
    def is_labelled(self) -> Mask:
        """Which texts are not hints, bool [text]."""
        return np.arange(len(self.texts)) < len(self.texts) - self.hints

    @cached_property
    def soft(self) -> Soft:
        """The labels as probabilities, float32 [text, label]."""
        soft = self.outputs.soft(self.targets)
        return soft if self.taught is None else np.concatenate([self.taught, soft[len(self.taught) :]])

    @cached_property
    def weights(self) -> Float64s:
        """How much each text counts, [text]; [text, label] where texts may have several labels."""
        return self.outputs.row_weights(self.targets, self.counts)


def rows_of(tokens: Tokens, split: Split, outputs: Outputs, *, with_valid: bool) -> Rows:
    """Return the training texts, the validation texts and then the hints on labels as rows.

    Args:
        tokens: the tokenized split.
        split: its texts.
        outputs: what scores mean.
        with_valid: whether the validation texts are among them, where there are any.
    """
    parts: list[tuple[Sequence[str], LabelledTokens]] = [(split.train.texts, tokens.train)]
    if with_valid and split.valid is not None and tokens.valid is not None:
        parts.append((split.valid.texts, tokens.valid))
    if tokens.hints is not None and split.hints is not None:
        parts.append((split.hints.texts, tokens.hints))
    tokenized = parts[0][1].texts
    for _, part in parts[1:]:
        tokenized = tokenized.followed_by(part.texts)
    counts = [np.ones(len(part.targets)) if part.weights is None else part.weights for _, part in parts]
    return Rows(
        texts=[text for texts, _ in parts for text in texts],
        tokenized=tokenized,
        targets=np.concatenate([part.targets for _, part in parts]),
        counts=np.concatenate(counts),
        unlabelled=tokens.unlabelled,
        outputs=outputs,
        hints=0 if tokens.hints is None else len(tokens.hints.targets),
        taught=tokens.train.soft,
    )
