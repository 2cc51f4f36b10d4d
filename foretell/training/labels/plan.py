"""What a training tries: which members, on how many folds, with how many steps.

One function decides, from the texts, the tokens, the labels, the memory and the time that is left.
The time that each member takes is an estimate: work in proportion to its features and columns,
times the pace of this machine, which the tokenizer has shown. No number of texts or labels changes
what is done; whatever has no time or no memory is left out, and the plan says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import NamedTuple

from foretell.config import LabelsSettings
from foretell.data.folds import MANY_TEXTS
from foretell.machine import memory_left
from foretell.readable import duration, number_of

MEMORY = 2 << 30
"""Bytes that the features and scores of one member may take, where the machine has them."""

_SHARE_OF_MEMORY = 0.5
"""The part of the memory that is left which a member may take: its rows, and two folds at a time,
come besides.
"""

_MEMBERS: tuple[str, ...] = ("words", "bayes", "centroids", "embeddings", "svd", "tfidf", "ngrams")
"""The linear members, in the order in which they get time: with 167 labels embeddings have most of
the weight beside `words`, and `ngrams`, which takes longest, has none (docs/experiments.md).
"""

_OF_TWO_LABELS: tuple[str, ...] = (
    "ngrams",
    "bayes",
    "centroids",
    "tfidf",
    "svd",
    "embeddings",
    "words",
)
"""The same where there are two labels: `ngrams`, which weighs one label against the other, is then
the best one, and the time for `words` is better spent on the network (docs/experiments.md).
"""

_OF_MANY_LABELS: tuple[str, ...] = (
    "sparse_centroids",
    "words",
    "embeddings",
    "svd",
    "tfidf",
    "ngrams",
)
MANY_LABELS = 180
"""With more labels dense weights have room for so few features that centroids of all words are
better, and complement naive Bayes, whose weights cannot be sparse, adds nothing to them. With 167
labels nothing was gained, with 200 much (docs/experiments.md).
"""

_GENERATIVE = ("bayes", "centroids", "sparse_centroids")
"""Members with a closed form, for texts with one label each."""

PASSES = 8
"""Of the member `words` over its texts, where there is time for them (docs/experiments.md)."""

_TRIED = 3
"""Penalties that the search for the best one tries, on average."""

_MAX_DENSE = 3_000_000
_DENSE_PER_MINUTE = 300_000
"""Unlabelled tokens that the dense features are made of, at most and for each minute of a time
limit: half a minute, and three seconds, on two processors.
"""

_MANY_FOLDED = 500
_ENOUGH_FOLDS = 3
"""From this many texts with one label each, three folds have networks: enough
(docs/experiments.md).
"""

_MAX_HELD = 20_000
"""Texts that are held out in one part, at most: more make weights and metrics hardly more precise,
and the network does not learn from them.
"""

_MAX_CELLS = 4_000_000
"""Predictions [held-out text, label] of a member, at most: ensemble weights are fitted to them many
times. With 10,000 labels, 30 million of them took four minutes and 4 GB (docs/experiments.md).
"""

_ENOUGH_HELD = 500
"""Texts that may be held out even where they have more predictions than that."""

_FEW_HELD = 0.2
"""The part of all tokens up to which embeddings and SVD are made without any held-out text."""

_LONG = 60
_LARGE = 1 << 29
"""Seconds and bytes of the linear members from which the plan states them."""

_TIMED = 100_000
_REFERENCE_PACE = 8e-7
"""Seconds in which the tokenizer reads a token on the machine on which `_WORK` was measured."""


class Work(NamedTuple):
    """What a member costs on the reference machine: seconds and bytes.

    Attributes:
        once: seconds to count one token or character.
        fit: seconds of one fit for each.
        column: seconds of one fit for each and for each column of weights.
        size: bytes for each.
    """

    once: float
    fit: float
    column: float
    size: float


_OF_WORDS = Work(5.5e-7, 1.7e-7, 1e-8, 12)
_OF_TOKENS = Work(3e-7, 3.5e-7, 7.3e-8, 40)
_COUNTED = Work(1.1e-6, 1.5e-7, 0.0, 240)
_OF_CHARACTERS = Work(0.0, 4e-7, 1.2e-7, 110)
_SPARSE = Work(2e-6, 1e-6, 1e-10, 120)
_CLOSED = Work(0.0, 1.5e-7, 0.0, 240)
_VECTORS = Work(1.5e-5, 3e-7, 3e-8, 60)
_OF_A_FOLD = 0.5
"""What embeddings or an SVD for a fold cost, as a part of those of all texts with the counts."""

_ON_CHARACTERS = {"bayes": _COUNTED, "centroids": _CLOSED, "tfidf": _OF_CHARACTERS}
"""The first member counts the features for the others."""

_BYTES_OF_SCORE = 48
"""Newton's method has several arrays [text, column] of float64."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What there is to learn from.

    Attributes:
        texts: labelled texts.
        tokens: of the labelled texts.
        characters: of the labelled texts.
        labels: number of labels.
        unlabelled: texts without labels.
        unlabelled_tokens: their tokens.
    """

    texts: int
    tokens: int
    characters: int
    labels: int
    unlabelled: int = 0
    unlabelled_tokens: int = 0

    @property
    def columns(self) -> int:
        """Columns of weights: two labels have one."""
        return 1 if self.labels == 2 else self.labels


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is tried.

    Attributes:
        members: linear members, in the order in which they are fitted.
        folds: folds on which they are fitted; 1: a part of the texts is held out; 0: none is.
        first: the share of the first fold; 0: as large as the others.
        network_folds: how many of these folds the network is trained on. All: it has a fixed
            schedule, and one more network learns from all texts. 1: the texts of the first fold
            stop it, and it does not learn from them.
        searches: whether penalties are chosen by out-of-fold predictions.
        passes: of the member `words` over its texts.
        share: of the texts that `words` learns from, drawn at random: as many as the memory has
            room for.
        pseudo_labels: whether members learn from texts that a first one has labelled.
        dense_tokens: unlabelled tokens that embeddings and SVD are made of, at most.
        has_one_basis: whether these are made once, without any text that is held out; else anew for
            each fold, without its texts.
        left_out: members for which time or memory is too small.
        seconds, bytes: that the linear members take, estimated by their costs.
        not_measured: why nothing is held out; empty: something is.
    """

    members: tuple[str, ...] = ()
    folds: int = 0
    first: float = 0.0
    network_folds: int = 0
    searches: bool = True
    passes: int = PASSES
    share: float = 1.0
    pseudo_labels: bool = False
    dense_tokens: int = 0
    has_one_basis: bool = False
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    bytes: int = 0
    not_measured: str = ""

    @property
    def has_fixed_schedule(self) -> bool:
        """Whether no text stops the network."""
        return self.folds > 1 and not self.first

    def __str__(self) -> str:
        """Return one line for people."""
        members = ", ".join((*self.members, "network"))
        parts = f"{number_of(self.folds, 'fold')}, {self.network_folds} of them for the network"
        line = f"plan: {members}; on {parts}"
        if self.left_out:
            line += f"; no time or memory for: {', '.join(self.left_out)}"
        if self.seconds < _LONG and self.bytes < _LARGE:
            return line
        costs = f"about {duration(self.seconds)} and up to {self.bytes / 1e9:.1f} GB of memory"
        return f"{line}; the members before the network take {costs} beside the texts"


def memory_of_a_member() -> float:
    """Return the bytes that one member may take on this machine, now."""
    return min(MEMORY, _SHARE_OF_MEMORY * memory_left())


def make_plan(
    sizes: Sizes,
    settings: LabelsSettings,
    *,
    seconds: float = math.inf,
    pace: float = _REFERENCE_PACE,
    memory: float = MEMORY,
    too_few: str = "",
) -> Plan:
    """Return what is tried.

    Args:
        sizes: what there is to learn from.
        settings: of the classifier.
        seconds: that the linear members may take.
        pace: seconds in which the tokenizer reads a token here.
        memory: bytes that one member may take.
        too_few: why the texts are too few to hold some out; "": they are not.
    """
    plan = _folded(sizes, settings, too_few)
    if not settings.linear:
        return plan
    if plan.first:
        plan = replace(plan, share=min(1.0, memory / max(1, _OF_WORDS.size * sizes.tokens)))
    slowness = 1.0
    if sizes.tokens > _TIMED:
        # Fewer tokens do not show the pace.
        slowness = pace / _REFERENCE_PACE
    names = _names(sizes, settings)
    dense = _MAX_DENSE
    if settings.minutes:
        dense = min(dense, int(_DENSE_PER_MINUTE * settings.minutes))

    def timed(plan: Plan) -> Plan:
        plan = replace(plan, has_one_basis=_has_one_basis(plan, sizes, dense))
        return replace(plan, seconds=slowness * _seconds(plan, sizes, dense))

    plan = replace(plan, members=_within_memory(names, sizes, plan.share, memory))
    choices = [
        replace(plan, folds=folds, searches=searches and len(names) > 1)
        for folds, searches in _choices(plan)
    ]
    # As many members as the simplest choice has time for, then the best choice for these.
    skips = sizes.columns > 1
    chosen = _in_time(choices[-1], seconds, timed, skips=skips)
    plans = [chosen]
    if skips or chosen.members == plan.members:
        plans = [
            timed(replace(each, members=chosen.members, passes=chosen.passes)) for each in choices
        ]
    best = next((each for each in plans if each.seconds <= seconds), plans[-1])
    return replace(
        best,
        dense_tokens=dense,
        # With few labels embeddings and SVD of all texts teach more than a first member's answers.
        pseudo_labels=bool(sizes.unlabelled) and best.folds < 2 and not settings.multi_label,
        left_out=tuple(name for name in names if name not in best.members),
        bytes=max((_bytes(name, sizes, plan.share) for name in best.members), default=0),
    )


def _names(sizes: Sizes, settings: LabelsSettings) -> tuple[str, ...]:
    """Return the members that texts can have."""
    if not settings.folds:
        return ("ngrams",)
    names = _MEMBERS
    if sizes.columns == 1:
        names = _OF_TWO_LABELS
    if sizes.columns > MANY_LABELS:
        names = _OF_MANY_LABELS
    impossible = set[str]()
    if settings.multi_label:
        impossible.update(_GENERATIVE)
    if find_spec("numba") is None:
        impossible.add("words")
    return tuple(name for name in names if name not in impossible)


def _in_time(plan: Plan, seconds: float, timed: Callable[[Plan], Plan], *, skips: bool) -> Plan:
    """Return a plan with those of its members, one after the other, for which there is time, or
    with the first alone.

    A member without time is skipped, or where nothing `skips` it ends them: with two labels the
    network makes more of the time that is left (docs/experiments.md).
    """
    chosen = replace(plan, members=())
    for name in plan.members:
        passes = [chosen.passes]
        if name == "words":
            passes = [PASSES, PASSES // 2, PASSES // 4]
            # Beside another member one pass is worth nothing.
            if not chosen.members:
                passes.append(1)
        members = (*chosen.members, name)
        found = [timed(replace(chosen, members=members, passes=each)) for each in passes]
        in_time = [each for each in found if each.seconds <= seconds]
        if in_time:
            chosen = in_time[0]
        elif not chosen.members:
            chosen = found[-1]
        elif not skips:
            break
    return chosen


def _folded(sizes: Sizes, settings: LabelsSettings, too_few: str) -> Plan:
    """Return a plan of folds alone."""
    share = settings.valid_fraction
    has_folds = settings.linear and settings.folds > 0
    if has_folds and too_few:
        return Plan(not_measured=too_few)
    if has_folds and share * sizes.texts < MANY_TEXTS:
        # So few texts decide nothing: all are held out, in turns.
        enough = sizes.texts >= _MANY_FOLDED and not settings.multi_label
        n = min(settings.folds, _ENOUGH_FOLDS) if enough else settings.folds
        return Plan(folds=settings.folds, network_folds=n)
    if not share:
        return Plan()
    most = min(_MAX_HELD, max(_ENOUGH_HELD, _MAX_CELLS // sizes.columns))
    share = min(share, most / sizes.texts)
    return Plan(folds=settings.folds if has_folds else 1, first=share, network_folds=1)


def _choices(plan: Plan) -> list[tuple[int, bool]]:
    """Return folds and whether penalties are searched for, the best choice first."""
    if not plan.first or plan.folds < 2:
        return [(plan.folds, bool(plan.folds)), (plan.folds, False)]
    of_one_part = [(1, True), (1, False)]
    if plan.share < 1:
        # Texts that are not drawn cannot be held out.
        return of_one_part
    return [(plan.folds, True), *of_one_part]


def _within_memory(
    names: Sequence[str], sizes: Sizes, share: float, memory: float
) -> tuple[str, ...]:
    """Return the members for which the memory is large enough, `words` on a share of the texts."""
    return tuple(name for name in names if _bytes(name, sizes, share) <= memory)


def _bytes(name: str, sizes: Sizes, share: float) -> int:
    """Return the memory that the features and scores of a member take."""
    work, amount = _work(name, sizes, 0)
    if name == "words":
        amount = int(share * amount)
    # Members with a closed form need no scores of the texts that they are fitted to.
    has_scores = name not in (*_GENERATIVE, "words")
    return int(work.size * amount) + _BYTES_OF_SCORE * sizes.texts * sizes.columns * has_scores


def _work(name: str, sizes: Sizes, dense_tokens: int) -> tuple[Work, int]:
    """Return what a member costs for each of its units, and their number."""
    if name == "words":
        return _OF_WORDS, sizes.tokens
    if name == "ngrams":
        return _OF_TOKENS, sizes.tokens
    if name == "sparse_centroids":
        return _SPARSE, sizes.tokens
    if name in _ON_CHARACTERS:
        return _ON_CHARACTERS[name], sizes.characters
    return _VECTORS, sizes.tokens + min(dense_tokens, sizes.unlabelled_tokens)


def _has_one_basis(plan: Plan, sizes: Sizes, dense_tokens: int) -> bool:
    """Return whether held-out texts have a small part of the tokens of embeddings and SVD."""
    held = sizes.tokens
    if plan.folds == 1:
        held = int(plan.first * held)
    return held <= _FEW_HELD * (sizes.tokens + min(dense_tokens, sizes.unlabelled_tokens))


def _seconds(plan: Plan, sizes: Sizes, dense_tokens: int) -> float:
    """Return how long members take: the fits on folds, and the last one to all texts."""
    searched = plan.folds * (_TRIED if plan.searches else 1) + 1
    total = 0.0
    for name in plan.members:
        work, amount = _work(name, sizes, dense_tokens)
        once = work.once
        fit = work.fit + work.column * sizes.columns
        fits = searched
        if name == "words":
            # Only its passes are planned: it has no penalty.
            fits = plan.folds + 1
            fit *= plan.passes / PASSES
            amount = int(plan.share * amount)
        if work is _VECTORS and not plan.has_one_basis:
            once *= 1 + _OF_A_FOLD * plan.folds
        total += amount * (once + fits * fit)
    return total
