"""The linear models of the classifier that is continued, as one member of the new ensemble.

They keep what the old examples taught about n-grams that no replayed text has. Out-of-fold predictions give
their weight beside those of the members that are fitted now: a logarithmic opinion pool of the old and the
new classifier.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.arrays import NgramKeys
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.ancestor import Ancestor, columns_for
from foretell.training.labels.continued import Continued
from foretell.training.labels.members import Candidate, Chosen
from foretell.training.labels.rows import Mask, Rows
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import Start

Part = LinearModel | TfidfModel

NAME = "ancestor"
"""The member's name among the figures."""


def linear_parts(ancestor: Ancestor, size: int, labels: Sequence[str]) -> tuple[Part, ...]:
    """Return the linear models of a classifier for a larger tokenizer and other labels; () if it has none.

    Args:
        ancestor: the classifier.
        size: ids of the new tokenizer, whose first ones are those of the old.
        labels: the new labels, sorted, the old ones among them.
    """
    model, old = ancestor.model, ancestor.labels
    if model.linear is None:
        return ()

    def fitted(each: Part) -> dict[str, Any]:
        return {
            "weights": columns_for(each.weights, old, labels),
            "bias": columns_for(each.bias[None], old, labels)[0],
        }

    keys = keys_for(model.linear.keys, model.linear.size, size)
    parts: list[Part] = [dataclasses.replace(model.linear, keys=keys, size=size, **fitted(model.linear))]
    for each in model.tfidf:
        words = keys_for(each.features.words, each.features.size, size)
        features = dataclasses.replace(each.features, words=words, size=size)
        parts.append(dataclasses.replace(each, features=features, **fitted(each)))
    return tuple(parts)


def keys_for(keys: NgramKeys, old_size: int, size: int) -> NgramKeys:
    """Return the keys of n-grams (`ngrams.keys`) for a larger number of ids; their order stays.

    Shorter n-grams come first, and among those of one length the order is that of the ids.
    """
    if old_size == size:
        return keys
    result, factor, left = np.zeros_like(keys), 1, keys.copy()
    more = np.ones(len(keys), bool)
    while more.any():
        # Bijective base: the last id, and then the key of the words before it, plus one.
        before, last = np.divmod(left, old_size)
        result += np.where(more, factor * last, 0)
        more = more & (before > 0)
        factor *= size
        # The "+ 1" of each further word, in the new base.
        result += np.where(more, factor, 0)
        left = np.where(more, before - 1, 0)
    return result


def ancestor_members(start: Start | None, rows: Rows, tokens: Tokens) -> list[Chosen]:
    """Return the member in a list, which is empty where there is none.

    Where the old examples are trained on again there is none: the old models have learned from these, so
    their predictions of them would have far too much weight.

    Args:
        start: what the training starts from.
        rows: the texts whose held-out predictions weigh the members.
        tokens: the tokenized split.
    """
    if not isinstance(start, Continued) or start.has_old:
        return []
    parts = linear_parts(start.ancestor, tokens.tokenizer.size, tokens.labels)
    return [_member(parts, rows)] if parts else []


def _member(parts: tuple[Part, ...], rows: Rows) -> Chosen:
    tokens, scores = rows.tokenized, np.zeros(1, np.float32)
    for part in parts:
        if isinstance(part, LinearModel):
            scores = scores + part.scores_of_flat(tokens.ids, tokens.starts)
        else:
            counts = part.features.counts(tokens.ids, tokens.starts, rows.texts)
            scores = scores + part.scores_of_counts(counts, len(rows.texts))
    candidate = Candidate(name=NAME, on=_Fitted, finished=lambda _, __: parts, strengths=(1.0,), first=0)
    return Chosen(candidate=candidate, strength=1.0, logs=linear_log_probabilities(scores))


class _Fitted:
    """A `Fit` that has nothing to fit."""

    def __init__(self, rows: Mask) -> None:
        del rows

    def fit(self, *_: Any) -> None:
        """Do nothing."""
