"""Active learning: from one fit to the answers follow suggestions, metrics, and which texts to
label next.

A quarter of the texts, drawn at random, is reserved: only from it come the random texts that every
metric is measured on, and they are never trained on. The draw is by a hash of the text and the
seed. So it does not depend on the order of the texts, and texts that are added later change it
little.

The next texts are uncertain ones, of which there are many alike, and which differ from each other.

The quick model is logistic regression on TF-IDF values, fitted again after each answer within a
second. Its features are counted once, over all texts. The words of a label's name count as a text
of that label, so that there are suggestions before the first answer ("card_arrival" is found in "my
card has not arrived"). The probabilities of a model that suggests are further features, so that
answers correct it where it is wrong.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from foretell.annotation.journal import Answer
from foretell.annotation.metrics import RECENT, Metrics, metrics_of
from foretell.arrays import Float32s, Float64s, Integers, Mask, Probabilities
from foretell.data.near import copies
from foretell.data.text_keys import equal_texts, text_key
from foretell.errors import DataError, UsageError
from foretell.metrics.bootstrap import share_of

if TYPE_CHECKING:
    from foretell.runtime.labels.classifier import LabelsRuntime

RESERVED = 0.25
"""Share of the texts that is reserved. One in five answers is needed; some texts are skipped."""

MAX_TEXTS = 10_000
"""Different texts that can be labelled; of more, so many are drawn at random."""


class TextPool:
    """Different texts, of which near-duplicates are known; texts that were `answered` are always
    kept.

    Texts that differ only in case and white space count once.

    Attributes:
        texts: the different texts, in the order of the first of each.
        reserved: whether each is reserved for the metrics, [text].
        is_repeat: whether each is a near-duplicate of an earlier one, [text]; it is never shown by
            itself.
        drawn: the reserved texts that are not repeats, in the order in which they are shown.
        notes: what was left out, one sentence each.
    """

    def __init__(self, texts: Sequence[str], seed: int = 0, answered: Sequence[str] = ()) -> None:
        groups = equal_texts(texts)
        needed = set(map(text_key, answered))
        if unknown := len(needed - groups.keys()):
            same = "give the same texts (more may be added)"
            raise DataError(
                "the texts that the answers are about",
                f"answered texts that are not there ({unknown:,})",
                where="the texts to label",
                fix=f"{same}, or choose another name for the answers",
            )
        salt = str(seed).encode()
        ranks = {key: int.from_bytes(blake2b(key + salt, digest_size=8).digest()) for key in groups}
        self.notes: list[str] = []
        keys = list(groups)
        if len(groups) > MAX_TEXTS:
            first = set(sorted(groups, key=ranks.__getitem__)[:MAX_TEXTS]) | needed
            keys = [key for key in groups if key in first]
            self.notes.append(
                f"{len(keys):,} of {len(groups):,} different texts can be labelled, drawn at random"
            )
        self.texts = [texts[groups[key][0]] for key in keys]
        self._place_of = {key: place for place, key in enumerate(keys)}
        leaders = np.arange(len(keys))
        for group in copies(self.texts):
            leaders[group] = group[0]
        self.is_repeat: Mask = leaders != np.arange(len(keys))
        rank = np.array([ranks[key] for key in keys], np.uint64)
        distinct = np.flatnonzero(~self.is_repeat)
        ordered = distinct[np.argsort(rank[distinct], kind="stable")]
        self.drawn: Integers = ordered[: int(np.ceil(RESERVED * len(ordered)))]
        # A near-duplicate of a reserved text must not be trained on either.
        self.reserved: Mask = np.isin(leaders, self.drawn)
        if repeats := self.is_repeat.sum():
            self.notes.append(f"near-duplicates of other texts, which are not shown: {repeats:,}")

    def __len__(self) -> int:
        return len(self.texts)

    def place(self, text: str) -> int:
        """Return the place of one of the texts."""
        return self._place_of[text_key(text)]


STRENGTH = 10.0
"""The inverse of the penalty."""

MODEL_FACTOR = 3.0
"""Factor on the probabilities of a model that suggests: without answers, those of the quick model
are then close to them, for 2 and for 77 labels.
"""

MAX_CHARACTERS = 2_000_000
"""Characters of all texts that are read; of longer texts the same part of each, from its
beginning.
"""

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
    """Texts and labels, whose features are counted once; `probabilities` fits to some of the texts.

    `seed` is that of the vectors; `suggested`, float32 [text, label], the probabilities of a model
    that suggests.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        seed: int = 0,
        suggested: Probabilities | None = None,
    ) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._n = len(texts)
        self._n_labels = len(labels)
        self._seed = seed
        most = max(MIN_CHARACTERS, MAX_CHARACTERS // max(len(texts), 1))
        names = (" ".join(_BREAKS.split(label)).strip() or label for label in labels)
        every = [*(text[:most] for text in texts), *names]
        usual = {"max_features": MAX_FEATURES, "dtype": np.float32}
        words = CountVectorizer(**usual, ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
        characters = CountVectorizer(**usual, ngram_range=(1, 5), analyzer="char_wb")
        parts = [each.fit_transform(every) for each in (words, characters)]
        counts = sparse.csr_array(sparse.hstack(parts))
        is_shared = np.bincount(counts.indices, minlength=counts.shape[1]) > 1
        if len(texts) >= MANY and is_shared.any():
            # Where texts are many, a feature of one text says nothing; where they are few, every
            # feature counts.
            counts = counts[:, is_shared]
        self._counts = counts
        self._suggested: Float32s = np.zeros((len(every), 0), np.float32)
        if suggested is not None:
            # The name of a label counts as a text of which the model is sure.
            sure = np.eye(len(labels), dtype=np.float32)
            self._suggested = np.float32(MODEL_FACTOR) * np.concatenate([suggested, sure])

    def probabilities(self, places: Integers, targets: Integers) -> Probabilities:
        """Fit to the texts at `places` and return the probability of each label, float32 [text,
        label].

        `targets` has the place of the label of each, int64 [labelled], as `places`.
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        names = np.arange(self._n_labels)
        chosen = np.concatenate([places, self._n + names])
        # A feature that no labelled text has gets no weight, and has no part in the length of a
        # text.
        counts = self._counts[:, np.unique(self._counts[chosen].indices)]
        values = TfidfTransformer(sublinear_tf=True).fit(counts[chosen]).transform(counts)
        values = sparse.csr_array(sparse.hstack([values, self._suggested]))
        model = LogisticRegression(C=STRENGTH, max_iter=200)
        # Its vectors are short: threads would wait for each other, beside the service and the
        # browser.
        with threadpool_limits(1), warnings.catch_warnings():
            # Before many answers, most labels have their name alone: these are no numbers.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            model.fit(values[chosen], np.concatenate([targets, names]))
        result: Probabilities = model.predict_proba(values[: self._n]).astype(np.float32)
        return result

    @cached_property
    def embeddings(self) -> Float32s:
        """A vector of length 1 for each text, float32 [text, dimension], to compare texts with.

        It is the truncated singular value decomposition of the TF-IDF values (latent semantic
        analysis).
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.preprocessing import normalize
        from sklearn.utils.extmath import randomized_svd

        values = TfidfTransformer(sublinear_tf=True).fit_transform(self._counts[: self._n])
        rank = min(DIMENSIONS, min(values.shape) - 1)
        if rank < 1:
            return np.ones((self._n, 1), np.float32)
        left, singular, _ = randomized_svd(values, rank, n_iter=4, random_state=self._seed)
        rows: Float32s = normalize(left * singular).astype(np.float32)
        return rows

    @cached_property
    def densities(self) -> Float64s:
        """The mean similarity of each text to the texts most similar to it, [text], 0 to 1.

        They are searched among 2,000 texts that are drawn at random.
        """
        n = len(self.embeddings)
        sample = np.random.default_rng(self._seed).permutation(n)[:_SAMPLE]
        k = min(NEIGHBOURS + 1, len(sample))
        means = [np.zeros(0)]
        for first in range(0, n, 1024):
            near = self.embeddings[first : first + 1024] @ self.embeddings[sample].T
            means.append(np.partition(near, -k, axis=1)[:, -k:].mean(axis=1))
        return np.clip(np.concatenate(means), 1e-3, 1).astype(np.float64)


QUEUE = 30
"""Texts that are chosen at a time: more than a person answers until the next fit is done."""

DENSITY_POWER = 0.5
"""How much density counts. Of 0, 0.5 and 1, 0.5 needed the fewest labels (docs/experiments.md)."""

NEIGHBOURS = 10
"""Texts that density is measured on."""

_SAMPLE = 2_000
_SHORTLIST = 400

_NEAR = 20
"""Texts that were answered last, which the next ones should differ from."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one fit.

    Attributes:
        probabilities: of each label for each text, float32 [text, label].
        queue: places of the texts to show next, in order; reserved texts are not among them.
        metrics: measured on random texts.
    """

    probabilities: Probabilities
    queue: tuple[int, ...]
    metrics: Metrics


def check_suggests(model: LabelsRuntime, labels: Sequence[str]) -> None:
    """Check that a model suggests none but these labels."""
    if others := [each for each in model.labels if each not in labels]:
        raise UsageError(
            f"a model whose labels are among {', '.join(labels)[:200]}",
            f"one with the label {others[0]!r:.60}",
            where="suggest",
            fix="give the labels of the model too, or leave it out",
        )


class Ranker:
    """Makes rankings of one pool. It keeps what does not depend on the answers."""

    def __init__(
        self,
        pool: TextPool,
        labels: Sequence[str],
        seed: int,
        suggest: LabelsRuntime | None = None,
    ) -> None:
        self._pool = pool
        self._labels = labels
        self._suggest = suggest
        self._seed = seed % 2**32
        self._place_of_label = {label: place for place, label in enumerate(labels)}

    @cached_property
    def quick(self) -> QuickModel:
        """The quick model of the pool; counting its features takes seconds for thousands of
        texts.
        """
        return QuickModel(self._pool.texts, self._labels, self._seed, self._suggested())

    def _suggested(self) -> Probabilities | None:
        """Return the probabilities of the model that suggests, float32 [text, label]; 0 for a label
        that it lacks. None: there is no such model.
        """
        if self._suggest is None:
            return None
        columns = [self._place_of_label[label] for label in self._suggest.labels]
        rows = np.zeros((len(self._pool), len(self._labels)), np.float32)
        rows[:, columns] = self._suggest.predict_proba(self._pool.texts)
        return rows

    def rank(self, answers: Sequence[Answer]) -> Ranking:
        """Fit to the answers, and choose the next texts."""
        rows = self.quick.probabilities(*self.labelled(answers, "train"))
        answered = np.array([self._pool.place(each.text) for each in answers], np.int64)
        is_free = ~(self._pool.reserved | self._pool.is_repeat)
        is_free[answered] = False
        scores = information(rows, self.quick.densities)
        near = answered[-_NEAR:]
        queue = select(scores, self.quick.embeddings, np.flatnonzero(is_free), near, QUEUE)
        changed = None
        if len(answers) > RECENT:
            before = self.quick.probabilities(*self.labelled(answers[:-RECENT], "train"))
            differ = (before.argmax(axis=1) != rows.argmax(axis=1))[self._pool.drawn]
            changed = share_of(int(differ.sum()), len(differ))
        places, truth = self.labelled(answers, "test")
        metrics = metrics_of(answers, self._labels, truth, rows[places], changed)
        return Ranking(rows, tuple(queue), metrics)

    def labelled(self, answers: Sequence[Answer], part: str) -> tuple[Integers, Integers]:
        """Return the places of the texts of one part that have a label, and of their labels."""
        chosen = [
            (self._pool.place(each.text), self._place_of_label[each.label])
            for each in answers
            if each.part == part and each.label is not None
        ]
        places, labels = np.array(chosen, np.int64).reshape(-1, 2).T
        return places, labels


def information(probabilities: Probabilities, density: Float64s) -> Float64s:
    """Return how informative the label of each text is expected to be, [text].

    Uncertainty (1 minus the difference of the two largest probabilities) times density (Settles and
    Craven 2008, "information density"): the most uncertain texts are often unlike all others, and
    teach little.
    """
    top = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:]
    return (1 - (top[:, 1] - top[:, 0])) * density**DENSITY_POWER


def select(
    scores: Float64s, embeddings: Float32s, candidates: Integers, near: Integers, count: int
) -> list[int]:
    """Return up to `count` candidates with high scores that are unlike each other and unlike those
    in `near`.

    `scores` are not negative, [text]; `embeddings` unit vectors, float32 [text, dimension];
    `candidates` and `near` places of texts.
    """
    shortlist = candidates[np.argsort(-scores[candidates], kind="stable")[:_SHORTLIST]]
    rows = embeddings[shortlist]
    closest = (rows @ embeddings[near].T).max(axis=1, initial=0).astype(np.float64)
    left = scores[shortlist] + 1e-9
    chosen = []
    for _ in range(min(count, len(shortlist))):
        # A small part is left to the score alone: equal texts differ in nothing else.
        best = int(np.argmax(left * (1.001 - np.clip(closest, 0, 1))))
        chosen.append(int(shortlist[best]))
        left[best] = -1
        closest = np.maximum(closest, rows @ rows[best])
    return chosen
