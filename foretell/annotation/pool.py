"""The pool: the different texts that can be labelled, and those of them that are drawn at random.

A quarter of the texts, drawn at random, is reserved: only from it come the random texts that every metric is
measured on, and they are never trained on. The draw is by a hash of the text and the seed. So it does not
depend on the order of the texts, and texts that are added later change it little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.arrays import Integers
from foretell.data.split import places_of_equal, plain_text, text_key
from foretell.errors import DataError
from foretell.surveying.repeats import near_duplicates

RESERVED = 0.25
"""Share of the texts that is reserved. One in five answers is needed; some texts are skipped."""

MAX_TEXTS = 10_000
"""Different texts that can be labelled; of more, so many are drawn at random."""

Places = Integers
Flags = npt.NDArray[np.bool_]


class Pool:
    """Different texts, of which near-duplicates are known; texts that were `answered` are always kept.

    Texts that differ only in case and white space count once.

    Attributes:
        texts: the different texts, in the order of the first of each.
        reserved: whether each is reserved for the metrics, [text].
        is_repeat: whether each is a near-duplicate of an earlier one, [text]; it is never shown by itself.
        drawn: the reserved texts that are not repeats, in the order in which they are shown.
        notes: what was left out, one sentence each.
    """

    def __init__(self, texts: Sequence[str], seed: int = 0, answered: Sequence[str] = ()) -> None:
        groups = places_of_equal(map(text_key, texts))
        if not groups:
            raise DataError(expected="texts to label", found="none that is not empty")
        needed = set(map(text_key, answered))
        if unknown := len(needed - groups.keys()):
            raise DataError(
                expected="the texts that the answers are about",
                found=f"{unknown:,} answered {'text' if unknown == 1 else 'texts'} that are not there",
                where="the texts to label",
                fix="give the same texts (more may be added), or choose another name for the answers",
            )
        ranks = {key: _rank(key, seed) for key in groups}
        self.notes: list[str] = []
        kept = list(groups)
        if len(groups) > MAX_TEXTS:
            first = set(sorted(groups, key=ranks.__getitem__)[:MAX_TEXTS]) | needed
            kept = [key for key in groups if key in first]
            self.notes.append(
                f"{len(kept):,} of {len(groups):,} different texts can be labelled, drawn at random"
            )
        self.texts = [texts[groups[key][0]] for key in kept]
        self._place_of = {key: place for place, key in enumerate(kept)}
        leaders = np.arange(len(kept))
        for group in near_duplicates([plain_text(text) for text in self.texts]):
            leaders[group] = group[0]
        self.is_repeat: Flags = leaders != np.arange(len(kept))
        rank = np.array([ranks[key] for key in kept], np.uint64)
        distinct = np.flatnonzero(~self.is_repeat)
        ordered = distinct[np.argsort(rank[distinct], kind="stable")]
        self.drawn: Places = ordered[: int(np.ceil(RESERVED * len(ordered)))]
        chosen = np.zeros(len(kept), bool)
        chosen[self.drawn] = True
        # A near-duplicate of a reserved text must not be trained on either.
        self.reserved: Flags = chosen[leaders]
        if repeats := int(self.is_repeat.sum()):
            what = "1 near-duplicate" if repeats == 1 else f"{repeats:,} near-duplicates"
            self.notes.append(f"{what} of other texts {'is' if repeats == 1 else 'are'} not shown")

    def __len__(self) -> int:
        return len(self.texts)

    def place(self, text: str) -> int:
        """Return the place of one of the texts."""
        return self._place_of[text_key(text)]


def _rank(key: bytes, seed: int) -> int:
    digest = hashlib.blake2b(key + str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest)
