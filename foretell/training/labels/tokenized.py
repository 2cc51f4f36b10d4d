"""Texts as token ids, with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array

Targets = npt.NDArray[np.int32]
Soft = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TokenizedTexts:
    """Texts as token ids, one text after another.

    Attributes:
        ids: int32 [token].
        starts: int64 [text + 1]; text i is ids[starts[i]:starts[i + 1]].
    """

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, last: int) -> TokenizedTexts:
        """Return the texts from place `first` to before `last`."""
        starts = self.starts[first : last + 1]
        return TokenizedTexts(ids=self.ids[starts[0] : starts[-1]], starts=starts - starts[0])

    def select(self, rows: npt.NDArray[np.bool_]) -> TokenizedTexts:
        """Return the texts where `rows` [text] is true."""
        lengths = np.diff(self.starts)
        return TokenizedTexts(
            ids=self.ids[np.repeat(rows, lengths)], starts=np.concatenate([[0], np.cumsum(lengths[rows])])
        )

    def followed_by(self, others: TokenizedTexts) -> TokenizedTexts:
        """Return these texts and then the others."""
        starts = np.concatenate([self.starts, self.starts[-1] + others.starts[1:]])
        return TokenizedTexts(ids=np.concatenate([self.ids, others.ids]), starts=starts)


@dataclass(frozen=True, kw_only=True)
class LabelledTokens:
    """Tokenized texts with their labels.

    Attributes:
        texts: the texts.
        targets: int32 [text], the place of each label among the sorted labels. Where texts may have several:
            float32 [text, label], 1, 0, or NaN where a label is unknown.
        weights: float64 [text], how much each text counts; None: 1 each.
        soft: float32 [text, label], probabilities to learn instead of `targets`; None: learn `targets`.
    """

    texts: TokenizedTexts
    targets: Array
    weights: Weights | None = None
    soft: Soft | None = None

    @property
    def counts(self) -> Weights:
        """How much each text counts, [text]."""
        return np.ones(len(self.targets)) if self.weights is None else self.weights

    def select(self, rows: npt.NDArray[np.bool_]) -> LabelledTokens:
        """Return the texts where `rows` [text] is true."""
        return LabelledTokens(
            texts=self.texts.select(rows),
            targets=self.targets[rows],
            weights=None if self.weights is None else self.weights[rows],
            soft=None if self.soft is None else self.soft[rows],
        )


def one_hot(targets: Targets, n_labels: int) -> Soft:
    """Return the places of labels [text] as probabilities, float32 [text, label]."""
    # Not rows of a unit matrix: with 10,000 labels that has 400 MB.
    found = np.zeros((len(targets), n_labels), np.float32)
    found[np.arange(len(targets)), targets] = 1
    return found
