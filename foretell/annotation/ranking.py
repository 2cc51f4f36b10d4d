"""Active learning: from one fit to the answers follow suggestions, metrics, and which texts to label next.

Those are uncertain ones, of which there are many alike, and which differ from each other.

The quick model is logistic regression on TF-IDF values, fitted again after each answer within a second. Its
features are counted once, over all texts. The words of a label's name count as a text of that label, so that
there are suggestions before the first answer ("card_arrival" is found in "my card has not arrived").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from foretell.annotation.journal import Answer
from foretell.annotation.metrics import RECENT, Metrics, changed_share, metrics_of
from foretell.annotation.pool import Places, Pool
from foretell.arrays import Float32s, Float64s, Integers, Probabilities
from foretell.errors import UsageError
from foretell.ngrams.ensemble import Ensemble, log_of
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model

STRENGTH = 10.0
"""The inverse of the penalty."""

MAX_CHARACTERS = 2_000_000
"""Characters of all texts that are read; of longer texts the same part of each, from its beginning."""

MIN_CHARACTERS = 200
"""Characters of each text that are always read."""

MAX_FEATURES = 200_000
"""Words and pairs of words, and as many character n-grams; the most frequent ones."""

MANY = 1_000
"""Texts from which on a feature that only one of them has is left out."""

DIMENSIONS = 100
"""Of the truncated SVD that compares texts."""

_BREAKS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


class QuickModel:
    """Texts and labels, whose features are counted once; `probabilities` fits to some of the texts."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._n, self._n_labels = len(texts), len(labels)
        most = max(MIN_CHARACTERS, MAX_CHARACTERS // max(len(texts), 1))
        every = [*(text[:most] for text in texts), *map(words_of_name, labels)]
        usual = {"max_features": MAX_FEATURES, "dtype": np.float32}
        words = CountVectorizer(**usual, ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
        characters = CountVectorizer(**usual, ngram_range=(1, 5), analyzer="char_wb")
        parts = [each.fit_transform(every) for each in (words, characters)]
        counts = sparse.csr_array(sparse.hstack(parts))
        is_shared = np.bincount(counts.indices, minlength=counts.shape[1]) > 1
        # Where texts are many, a feature of one text says nothing; where they are few, every feature counts.
        self._counts = counts[:, is_shared] if len(texts) >= MANY and is_shared.any() else counts

    def probabilities(self, places: Integers, targets: Integers) -> Probabilities:
        """Fit to the texts at `places` and return the probability of each label, float32 [text, label].

        `targets` has the place of the label of each, int64 [labelled], as `places`.
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        names = np.arange(self._n_labels)
        chosen = np.concatenate([places, self._n + names])
        # A feature that no labelled text has gets no weight, and has no part in the length of a text.
        counts = self._counts[:, np.unique(self._counts[chosen].indices)]
        values = TfidfTransformer(sublinear_tf=True).fit(counts[chosen]).transform(counts)
        model = LogisticRegression(C=STRENGTH, max_iter=200)
        # Its vectors are short: threads would wait for each other, beside the service and the browser.
        with threadpool_limits(1):
            model.fit(values[chosen], np.concatenate([targets, names]))
        result: Probabilities = model.predict_proba(values[: self._n]).astype(np.float32)
        return result

    def embeddings(self, seed: int) -> Float32s:
        """Return a vector of length 1 for each text, float32 [text, dimension], to compare texts with.

        It is the truncated singular value decomposition of the TF-IDF values (latent semantic analysis).
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.preprocessing import normalize
        from sklearn.utils.extmath import randomized_svd

        values = TfidfTransformer(sublinear_tf=True).fit_transform(self._counts[: self._n])
        rank = min(DIMENSIONS, min(values.shape) - 1)
        if rank < 1:
            return np.ones((self._n, 1), np.float32)
        left, singular, _ = randomized_svd(values, rank, n_iter=4, random_state=seed)
        rows: Float32s = normalize(left * singular).astype(np.float32)
        return rows


def words_of_name(label: str) -> str:
    """Return the words in the name of a label.

    >>> words_of_name("cardArrival_late")
    'card Arrival late'
    """
    return " ".join(filter(None, _BREAKS.split(label))) or label


QUEUE = 30
"""Texts that are chosen at a time: more than a person answers until the next fit is done."""

DENSITY_POWER = 0.5
"""How much density counts. Of 0, 0.5 and 1, 0.5 needed the fewest labels (docs/experiments.md)."""

NEIGHBOURS = 10
"""Texts that density is measured on."""

# The logarithmic opinion pool of two models with equal weights.
_POOL = Ensemble(network=0.5, linear=0.5)
_SAMPLE = 2_000
_SHORTLIST = 400

_NEAR = 20
"""Texts that were answered last, which the next ones should differ from."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one fit.

    Attributes:
        version: of the answers that it is made of.
        probabilities: of each label for each text, float32 [text, label].
        queue: places of the texts to show next, in order; reserved texts are not among them.
        metrics: measured on random texts.
    """

    version: int
    probabilities: Probabilities
    queue: tuple[int, ...]
    metrics: Metrics


class Ranker:
    """Makes rankings of one pool. It keeps what does not depend on the answers.

    The predictions of `model`, where there is one, count as much as the quick model's.
    """

    def __init__(
        self, pool: Pool, labels: Sequence[str], seed: int, model: LabelsRuntime | None = None
    ) -> None:
        self._pool, self._labels, self._seed, self._model = pool, labels, seed % 2**32, model
        self._place_of_label = {label: place for place, label in enumerate(labels)}

    @cached_property
    def _quick(self) -> QuickModel:
        """The quick model of the pool; counting its features takes seconds for thousands of texts."""
        return QuickModel(self._pool.texts, self._labels)

    @cached_property
    def embeddings(self) -> Float32s:
        """A vector of length 1 for each text, float32 [text, dimension]."""
        return self._quick.embeddings(self._seed)

    @cached_property
    def _densities(self) -> Float64s:
        return densities(self.embeddings, self._seed)

    def rank(self, version: int, answers: Sequence[Answer]) -> Ranking:
        """Fit to the answers, which have this version, and choose the next texts."""
        quick = self._quick.probabilities(*self.labelled(answers, "train"))
        used = quick if self._model is None else _POOL(quick, log_of(self._of_model))
        answered = np.array([self._pool.place(each.text) for each in answers], np.int64)
        is_free = ~(self._pool.reserved | self._pool.is_repeat)
        is_free[answered] = False
        scores = information(used, self._densities)
        queue = select(scores, self.embeddings, np.flatnonzero(is_free), answered[-_NEAR:], QUEUE)
        places, truth = self.labelled(answers, "test")
        changed = None
        if len(answers) > RECENT:
            before = self._quick.probabilities(*self.labelled(answers[:-RECENT], "train"))
            changed = changed_share(before[self._pool.drawn], quick[self._pool.drawn])
        metrics = metrics_of(answers, self._labels, truth, used[places], changed)
        return Ranking(version, used, tuple(queue), metrics)

    def labelled(self, answers: Sequence[Answer], part: str) -> tuple[Places, Places]:
        """Return the places of the texts of one part that have a label, and of their labels."""
        chosen = [each for each in answers if each.part == part and each.label is not None]
        places = np.array([self._pool.place(each.text) for each in chosen], np.int64)
        return places, np.array([self._place_of_label[each.label or ""] for each in chosen], np.int64)

    @cached_property
    def _of_model(self) -> Probabilities:
        """What the model that was given predicts for the pool, float32 [text, label].

        Labels that it lacks get the probability of a model that knows nothing.
        """
        assert self._model is not None
        rows = self._model.predict_proba(self._pool.texts)
        result = np.full((len(rows), len(self._labels)), 1 / len(self._labels), np.float32)
        for column, label in enumerate(self._model.labels):
            if label in self._place_of_label:
                result[:, self._place_of_label[label]] = rows[:, column]
        scaled: Probabilities = result / np.maximum(result.sum(axis=1, keepdims=True), 1e-9)
        return scaled


def opened_model(model: str | Path, labels: Sequence[str]) -> LabelsRuntime:
    """Return the model in a directory, if it is for labels and has one of these."""
    runtime = open_model(model)
    if not isinstance(runtime, LabelsRuntime):
        raise UsageError(expected="a model for labels", found="one for words", where=str(model))
    if not set(runtime.labels) & set(labels):
        expected, found = (", ".join(each)[:200] for each in (labels, runtime.labels))
        raise UsageError(
            expected=f"a model with one of the labels ({expected})", found=found, where=str(model)
        )
    return runtime


def information(probabilities: Probabilities, density: Float64s) -> Float64s:
    """Return how informative the label of each text is expected to be, [text].

    Uncertainty (1 minus the difference of the two largest probabilities) times density (Settles and Craven
    2008, "information density"): the most uncertain texts are often unlike all others, and teach little.
    """
    top = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:]
    result: Float64s = (1 - (top[:, 1] - top[:, 0])) * density**DENSITY_POWER
    return result


def densities(embeddings: Float32s, seed: int) -> Float64s:
    """Return the mean similarity of each text to the texts most similar to it, [text], 0 to 1.

    They are searched among 2,000 texts that are drawn at random.
    """
    n = len(embeddings)
    sample = np.random.default_rng(seed).permutation(n)[:_SAMPLE]
    k = min(NEIGHBOURS + 1, len(sample))
    means = [np.zeros(0)]
    for first in range(0, n, 1024):
        near = embeddings[first : first + 1024] @ embeddings[sample].T
        means.append(np.partition(near, -k, axis=1)[:, -k:].mean(axis=1))
    result: Float64s = np.clip(np.concatenate(means), 1e-3, 1).astype(np.float64)
    return result


def select(
    scores: Float64s, embeddings: Float32s, candidates: Integers, near: Integers, count: int
) -> list[int]:
    """Return up to `count` candidates with high scores that are unlike each other and unlike those in `near`.

    `scores` are not negative, [text]; `embeddings` unit vectors, float32 [text, dimension]; `candidates` and
    `near` places of texts.
    """
    shortlist = candidates[np.argsort(-scores[candidates], kind="stable")[:_SHORTLIST]]
    rows = embeddings[shortlist]
    closest = np.zeros(len(shortlist))
    if len(near):
        closest = np.maximum(closest, (rows @ embeddings[near].T).max(axis=1))
    left, chosen = scores[shortlist] + 1e-9, []
    for _ in range(min(count, len(shortlist))):
        # A small part is left to the score alone: equal texts differ in nothing else.
        best = int(np.argmax(left * (1.001 - np.clip(closest, 0, 1))))
        chosen.append(int(shortlist[best]))
        left[best] = -1
        closest = np.maximum(closest, rows @ rows[best])
    return chosen
