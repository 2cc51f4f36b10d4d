"""The labelled texts of a training together, and which of them a network has answered unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.data.split import Split
from foretell.training.labels.folds import Folds
from foretell.training.labels.tokens import LabelledTokens, TokenizedTexts, Tokens, Weights


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """Training texts, and the validation texts after them.

    Attributes:
        texts: the texts.
        tokenized: the same as token ids.
        targets: of the texts, as `LabelledTokens` has them.
        weights: float64 [text], how much each counts.
    """

    texts: list[str]
    tokenized: TokenizedTexts
    targets: npt.NDArray[Any]
    weights: Weights


def gathered(tokens: Tokens, split: Split, *, with_valid: bool) -> Gathered:
    """Return the texts that linear members are fitted to.

    Args:
        tokens: the tokenized split.
        split: its texts.
        with_valid: whether the validation texts are among them, where there are any.
    """
    parts: list[tuple[list[str], LabelledTokens]] = [(split.train.texts, tokens.train)]
    if with_valid and split.valid is not None and tokens.valid is not None:
        parts.append((split.valid.texts, tokens.valid))
    tokenized = parts[0][1].texts
    for _, part in parts[1:]:
        tokenized = tokenized.followed_by(part.texts)
    weights = [np.ones(len(part.targets)) if part.weights is None else part.weights for _, part in parts]
    return Gathered(
        texts=[text for texts, _ in parts for text in texts],
        tokenized=tokenized,
        targets=np.concatenate([part.targets for _, part in parts]),
        weights=np.concatenate(weights),
    )


def unseen(folds: Folds, network: Probabilities | None) -> tuple[npt.NDArray[np.bool_], Probabilities | None]:
    """Return the texts that no member has seen, bool [text], and the network's answers to them.

    Args:
        folds: of the texts.
        network: probabilities [text, label] of all texts, or of the validation texts, the last ones; None:
            there is no network.
    """
    rows = folds.held.copy()
    if network is None:
        return rows, None
    first = len(rows) - len(network)
    rows[:first] = False
    return rows, network[rows[first:]]
