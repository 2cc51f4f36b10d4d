"""Label the unlabelled texts by text vectors and the linear model together, in two rounds.

In the first round the validation texts have vectors like the unlabelled ones, which shows how far the vectors
can be trusted. The second round makes vectors anew, of n-grams that the new labels choose. The validation
texts have no part in it, because its model for new texts is measured on them.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from foretell.metrics import mean_accuracy
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.linear_fit import default_max_ngrams, select_texts
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.outputs import fit_ensemble
from foretell.training.labels.tokenized import Soft
from foretell.training.labels.tokens import Tokens

_MIN_TEXTS, _MAX_NGRAMS = 3, 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones first."""


class VectorLabels(NamedTuple):
    """What both rounds give.

    Attributes:
        soft: float32 [text, label], the labels of the training texts, and soft labels of the unlabelled ones.
        model: a linear model for new texts, made of the n-grams' vectors; None: the time ended before it.
        accuracy: of the first round on the validation texts.
    """

    soft: Soft
    model: LinearModel | None
    accuracy: float


def label_by_vectors(
    tokens: Tokens, linear: LinearModel, *, seed: int, seconds: float, check: Check = ignore
) -> VectorLabels:
    """Make text vectors twice, and label the unlabelled texts by them and the linear model.

    Args:
        tokens: the tokenized split, with validation texts.
        linear: the linear model.
        seed: of every random choice.
        seconds: time for both rounds.
        check: is called after each pass over the texts, and may raise to stop.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    assert tokens.valid is not None
    deadline, targets, n_labels = time.monotonic() + seconds, tokens.train.targets, len(tokens.labels)
    hard, n, n_valid = tokens.hard, len(tokens.all_texts), len(tokens.valid.texts)
    texts = tokens.all_texts.followed_by(tokens.valid.texts)
    others = texts.part(len(hard), len(texts))
    by_linear = linear_log_probabilities(linear.scores_of_flat(others.ids, others.starts))
    max_ngrams = min(_MAX_NGRAMS, default_max_ngrams(n_labels))
    size = tokens.tokenizer.size
    counted = count_ngrams(texts.ids, texts.starts, size, min_texts=_MIN_TEXTS, max_ngrams=max_ngrams)
    soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
    left = (deadline - time.monotonic()) / 2
    vectors = make_vectors(counted, soft, seed=seed, seconds=left, check=check)
    by_vectors = label(vectors, targets, n_labels)[len(hard) :]
    ensemble = fit_ensemble(tokens.valid.targets, [by_vectors[-n_valid:], by_linear[-n_valid:]])
    soft = np.concatenate([hard, ensemble(np.exp(by_vectors).astype(np.float32), by_linear)])
    accuracy = mean_accuracy(tokens.valid.targets, soft[-n_valid:])
    left = deadline - time.monotonic()
    if left <= 0:
        return VectorLabels(soft[:n], None, accuracy)

    counted = select_texts(counted, np.arange(len(texts)) < n)
    vectors = make_vectors(counted, soft[:n], seed=seed + 1, seconds=left, check=check)
    again = np.exp(label(vectors, targets, n_labels)[len(hard) : n]).astype(np.float32)
    model = to_linear_model(counted, vectors, targets, n_labels)
    return VectorLabels(np.concatenate([hard, ensemble(again, by_linear[: len(again)])]), model, accuracy)
