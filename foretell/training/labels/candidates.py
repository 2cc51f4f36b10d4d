"""The linear members that texts can have, before one of them is fitted: each is one entry here.

The features are n-grams weighted by naive Bayes, TF-IDF values, an SVD of TF-IDF values, and mean
embeddings. On TF-IDF values there are three models: logistic regression, naive Bayes, and the
centroids of the labels. Word vectors from outside, where there are any, extend the embeddings.
Students learn from texts that a teacher, or a first member, has labelled; with hints on labels two
members learn from the hints alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from foretell.arrays import Mask
from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.training.labels.corpus import LabelsCorpus, Origin
from foretell.training.labels.dense_fit import mean_basis, svd_basis
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import LinearWeights, LogisticFit, MatrixFit
from foretell.training.labels.members import STRENGTHS, Fit, Member
from foretell.training.labels.plan import Plan
from foretell.training.labels.rows import Rows, Source
from foretell.training.labels.tfidf_fit import (
    CentroidFit,
    ComplementFit,
    CountedFeatures,
    SparseCentroidFit,
    TfidfValues,
    count_every_word,
    count_features,
    count_words,
)

NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_ON_TFIDF: dict[str, tuple[type[MatrixFit[LinearWeights]], tuple[float, ...], int]] = {
    "tfidf": (LogisticFit, STRENGTHS, 4),
    "bayes": (ComplementFit, (1.0, 3.0, 10.0, 30.0, 100.0), 2),
    "centroids": (CentroidFit, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 3),
}
"""The models of TF-IDF values: fit, strengths, and the place of the first one that is tried."""

_SPARSE_STRENGTHS = (16.0, 32.0, 64.0, 128.0)
_OF_PAIRS = 0.5
"""How much pairs of words count beside single words in the centroids of many labels."""

TAUGHT_STRENGTHS = {"ngrams": 1.0, "tfidf": 10.0}
"""The inverse penalties of models that learn from a teacher's answers. On thousands of texts the
search took long and chose nearly the same penalty for all sets (docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """The features of the first texts of a training, each kind counted when it is asked for.

    Attributes:
        corpus: the texts.
        n_texts: how many of the texts members may learn from.
        drawn: the texts that the member `words` learns from, bool [text]; None: all.
    """

    corpus: LabelsCorpus
    n_texts: int
    drawn: Mask | None = None

    @cached_property
    def ngrams(self) -> CountedTexts:
        """Which texts have which n-grams."""
        corpus = self.corpus
        texts = corpus.tokenized.part(0, self.n_texts)
        most = default_max_ngrams(len(corpus.labels))
        return count_ngrams(texts.ids, texts.starts, corpus.tokenizer.size, max_ngrams=most)

    @cached_property
    def words(self) -> CountedFeatures:
        """How often the texts that are drawn have words and pairs of words."""
        corpus = self.corpus
        texts = corpus.tokenized.part(0, self.n_texts)
        if self.drawn is not None:
            texts = texts.only(self.drawn[: self.n_texts])
        return count_words(texts, corpus.tokenizer.size, n_columns=len(corpus.labels))

    @cached_property
    def every_word(self) -> CountedFeatures:
        """All words of the texts, for the centroids of many labels."""
        corpus = self.corpus
        return count_every_word(corpus.tokenized.part(0, self.n_texts), corpus.tokenizer.size)

    @cached_property
    def tfidf(self) -> CountedFeatures:
        """How often texts have words, pairs of words and characters within words."""
        corpus = self.corpus
        n_labels = len(corpus.labels)
        return count_features(
            corpus.tokenized.part(0, self.n_texts),
            corpus.texts[: self.n_texts],
            corpus.tokenizer.size,
            n_columns=1 if n_labels == 2 else n_labels,
        )


def sparse_member(name: str, features: Features, sources: Sequence[Source]) -> Member:
    """Return a member of n-grams or of TF-IDF values."""
    balance = features.corpus.balance
    if name == "ngrams":
        return Member(
            name=name,
            prepare=lambda rows, _: NgramFit(features.ngrams, rows),
            sources=tuple(sources),
            strengths=NGRAM_STRENGTHS,
            first=2,
            balance=balance,
        )
    kind, strengths, first = _ON_TFIDF[name]

    def prepare(rows: Rows, inside: Mask) -> Fit:
        values = TfidfValues(features.tfidf, rows.texts, inside)
        return kind(values, rows, values.model)

    return Member(
        name=name,
        prepare=prepare,
        sources=tuple(sources),
        strengths=strengths,
        first=first,
        balance=balance,
    )


def centroid_member(features: Features, source: Source) -> Member:
    """Return the centroids of many labels: of all words, with sparse weights."""

    def prepare(rows: Rows, inside: Mask) -> Fit:
        values = TfidfValues(features.every_word, rows.texts, inside, _OF_PAIRS)
        return SparseCentroidFit(values, rows, values.model)

    return Member(
        name="sparse_centroids",
        prepare=prepare,
        sources=(source,),
        strengths=_SPARSE_STRENGTHS,
        first=2,
        balance=features.corpus.balance,
    )


def word_member(features: Features, source: Source, passes: int) -> Member:
    """Return softmax regression on words and pairs of words; its strength is the passes."""
    # It compiles with Numba, which not every machine has and the other members do not need.
    from foretell.training.labels.softmax_fit import WordFit

    def drawn(inside: Mask) -> Rows:
        return source(inside if features.drawn is None else inside & features.drawn)

    return Member(
        name="words",
        prepare=lambda rows, inside: WordFit(features.words, rows, inside),
        sources=(drawn,),
        strengths=(float(passes),),
        first=0,
        balance=features.corpus.balance,
    )


def student(
    name: str, features: Features, source: Source, labelled_by: str, strength: float
) -> Member:
    """Return a member that learns from labelled texts, and from those that another has labelled."""
    member = sparse_member(name, features, (features.corpus.labelled, source))
    return replace(member, name=f"{labelled_by}_{name}", strengths=(strength,), first=0)


def dense_member(
    name: str,
    corpus: LabelsCorpus,
    source: Source,
    max_unlabelled_tokens: int,
    seen: Mask,
    seed: int,
) -> Member | None:
    """Return the model of an SVD of TF-IDF values, or of mean embeddings; None: these texts have
    none.

    These are made of the texts `seen`, bool [text], of unlabelled ones up to a number of tokens. No
    label has a part in them, and yet a text that they were made of is answered better than a new
    one: for a fold whose texts are among them they are made anew, without its texts.
    """
    size = corpus.tokenizer.size
    n = corpus.n_given
    starts = corpus.unlabelled.starts
    n_read = int(np.searchsorted(starts, max_unlabelled_tokens, side="right")) - 1
    texts = corpus.tokenized.part(0, n + n_read)
    if name == "svd":
        most = default_max_ngrams(len(corpus.labels))
        pairs = count_ngrams(texts.ids, texts.starts, size, longest=2, max_ngrams=most)
        make = partial(svd_basis, pairs, n, seed)
    else:
        first = corpus.tokenizer.specials
        make = partial(mean_basis, texts, size, n, first=first, seed=seed, vectors=corpus.vectors)
        name = "pooled" if corpus.vectors is None else "vectors"
    seen = seen[: len(texts)]
    whole = make(seen)
    if not len(whole.keys):
        return None

    def prepare(rows: Rows, inside: Mask) -> Fit:
        own = seen & inside[: len(texts)]
        if np.array_equal(own, seen):
            return LogisticFit(whole.rows.__getitem__, rows, partial(whole.model, size=size))
        # Nothing else is predicted with the model of a fold: its n-grams need not be kept.
        return LogisticFit(make(own).rows.__getitem__, rows)

    return Member(
        name=name,
        prepare=prepare,
        sources=(source,),
        balance=corpus.balance,
    )


def own_members(plan: Plan, features: Features, held: Mask, seed: int) -> Iterator[Member]:
    """Yield the members of a plan that learn from labels, and those that learn from hints.

    `held`, bool [text], are the texts that some fold holds out.
    """
    corpus = features.corpus
    has_labels = len(corpus.labelled_rows) > 0
    seen = np.ones(len(corpus), bool)
    if plan.has_one_basis:
        seen = ~held
    source = corpus.labelled if has_labels else corpus.hinted
    for name in plan.members:
        member: Member | None
        if name == "words":
            member = word_member(features, source, plan.passes)
        elif name == "sparse_centroids":
            member = centroid_member(features, source)
        elif name in ("ngrams", *_ON_TFIDF):
            member = sparse_member(name, features, (source,))
        else:
            member = dense_member(name, corpus, source, plan.dense_tokens, seen, seed)
        if member is None:
            continue
        yield member
        if (
            has_labels
            and Origin.HINTS in corpus.origin
            and member.name in ("tfidf", "pooled", "vectors")
        ):
            yield replace(member, name=f"hinted_{member.name}", sources=(corpus.hinted,))
