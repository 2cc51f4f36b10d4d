"""The weights that the training of a language model starts from: new ones, or those of an old
model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foretell.artifacts.weights import Weights
from foretell.training.cooccurrence import cooccurrence_embeddings
from foretell.training.words.kneser_ney_fit import MAX_WORDS
from foretell.training.words.token_file import TokenFile

if TYPE_CHECKING:
    from foretell.networks.words import LstmNetwork

_SPREAD = 0.05
"""Standard deviation of the embeddings. With 0.1 the loss falls faster at first, and ends
higher.
"""

_MAX_INITIALISED = 30_000
"""Most frequent words that are initialised, at most: the matrices of a million words take
gigabytes.
"""

_PRIOR_COUNT = 5
"""Occurrences that the random embedding of a word is worth: a few neighbours are mostly noise."""

_NOISE = 0.1
_BIAS_QUANTILE = 0.1
"""Of a continued model's new words: the noise in their embeddings, the quantile of the biases they
get.
"""


def initialise(network: LstmNetwork, tokens: TokenFile, seconds: float) -> None:
    """Initialise the embeddings from co-occurrence statistics: words with similar neighbours are
    then alike.

    The more often a word occurs, the smaller is the part that stays random. Where the `seconds` for
    counting end, the words counted so far are used.
    """
    ids = tokens.read(0, min(len(tokens), MAX_WORDS))
    weights = network.embedding.embeddings
    values = weights.numpy()
    size = min(network.size, _MAX_INITIALISED)
    embeddings, known = cooccurrence_embeddings(
        ids,
        np.array([0, len(ids)]),
        first=0,
        size=size,
        width=values.shape[1],
        seed=network.settings.seed,
        spread=_SPREAD,
        seconds=seconds,
    )
    counts = np.bincount(ids, minlength=size)[:size, None]
    share = np.where(known[:, None], counts / (counts + _PRIOR_COUNT), 0)
    values[:size] = share * embeddings + np.sqrt(1 - share**2) * values[:size]
    weights.assign(values)


def continued_weights(fresh: Weights, old: Weights) -> Weights:
    """Return the weights that a continued training starts from, of a fresh network and the old one.

    Rows of old words, the first ones, are copied. The embedding of a new word is the mean of the
    old ones with a little noise, so that no new word is more probable than all old ones (Hewitt
    2021, "Initializing New Word Embeddings for Pretrained Language Models").
    """
    n = len(old["embedding"])
    embedding = fresh["embedding"].copy()
    bias = fresh["output/bias"].copy()
    spread = float(old["embedding"].std()) / max(float(embedding.std()), 1e-9)
    embedding = old["embedding"].mean(axis=0) + np.float32(_NOISE * spread) * embedding
    embedding[:n] = old["embedding"]
    bias[:] = np.quantile(old["output/bias"], _BIAS_QUANTILE)
    bias[:n] = old["output/bias"]
    return {**old, "embedding": embedding.astype(np.float32), "output/bias": bias}
