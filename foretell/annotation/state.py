"""Which texts have an answer, which are shown to whom, and which one is next."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.annotation.answers import Answer, Kind
from foretell.annotation.journal import Journal
from foretell.annotation.pool import Flags, Places, Pool
from foretell.errors import UsageError

RANDOM_EVERY = 5
"""At least one in so many texts is drawn at random."""


@dataclass(frozen=True, slots=True)
class Item:
    """A text to label.

    Attributes:
        id: its number.
        text: the text.
        suggested: the label that the models suggest; None: none is probable enough, or the text was drawn at
            random: a suggestion would influence the answers that the models are measured by.
        probability: of `suggested`.
    """

    id: int
    text: str
    suggested: str | None = None
    probability: float | None = None


class State:
    """The texts and answers of one annotation. Methods may be called from any thread.

    Args:
        pool: the texts.
        journal: where the answers are written; those it has are taken up.

    Attributes:
        version: a number that grows with every change.
    """

    def __init__(self, pool: Pool, journal: Journal) -> None:
        self.version = 1
        self._pool, self._journal = pool, journal
        self._lock = threading.RLock()
        self._shown: dict[str, Item] = {}
        self._is_open: Flags = np.ones(len(pool), bool)
        self._is_open[[pool.place(each.text) for each in journal.answers]] = False

    def snapshot(self) -> tuple[int, list[Answer]]:
        """Return the version, and the answers that were not undone."""
        with self._lock:
            return self.version, list(self._journal.answers)

    def left(self) -> int:
        """Return how many texts can still be shown."""
        with self._lock:
            return int(self._is_open[self._pool.drawn].sum()) + len(self.selectable(repeats=False))

    def selectable(self, *, repeats: bool = True) -> Places:
        """Return the places of the texts without an answer that are not reserved.

        Args:
            repeats: whether near-duplicates of other texts are among them.
        """
        with self._lock:
            kept = self._is_open & ~self._pool.reserved
            return np.flatnonzero(kept if repeats else kept & ~self._pool.is_repeat)

    def shown(self, by: str) -> Item | None:
        """Return the text that is shown to a person and has no answer; None: there is none."""
        with self._lock:
            item = self._shown.get(by)
            return item if item is not None and self._is_open[item.id] else None

    def show(self, by: str, item: Item | None) -> None:
        """Note which text is shown to a person; None: none."""
        with self._lock:
            if item is None:
                self._shown.pop(by, None)
            else:
                self._shown[by] = item

    def next_place(self, queue: Sequence[int], by: str) -> int | None:
        """Return the place of the text to show next to a person; None: there is none that others do not have.

        Args:
            queue: the places of informative texts, the best first.
            by: the person.
        """
        with self._lock:
            others = {item.id for who, item in self._shown.items() if who != by}
            drawn = [
                place for place in self._pool.drawn.tolist() if self._is_open[place] and place not in others
            ]
            if drawn and self._is_random_due():
                return int(drawn[0])
            for place in queue:
                if self._is_open[place] and place not in others:
                    return place
            rest = [place for place in self.selectable(repeats=False).tolist() if place not in others]
            left = [*rest[:1], *drawn[:1]]
            return int(left[0]) if left else None

    def record(self, items: Iterable[Item | int], kind: Kind, label: str | None, by: str) -> list[Answer]:
        """Write one decision about some texts, and return it as it is on disk.

        Raises:
            UsageError: no such text, one that was answered, or a reserved one that is not shown.
            ForetellError: it could not be written.
        """
        with self._lock:
            places = dict.fromkeys(each.id if isinstance(each, Item) else each for each in items)
            for place in places:
                self._check_open(place)
            answers = self._journal.append([self._answer(place, kind, label, by) for place in places])
            self._is_open[list(places)] = False
            self.version += 1
            return answers

    def undo(self, by: str) -> list[Answer]:
        """Undo the last decision, and return its answers; a single text is shown again next."""
        with self._lock:
            undone = self._journal.undo(by)
            places = [self._pool.place(each.text) for each in undone]
            self._is_open[places] = True
            if len(undone) == 1:
                suggested = undone[0].suggested
                self._shown[by] = Item(places[0], self._pool.texts[places[0]], suggested)
            self.version += 1
            return undone

    def check_place(self, place: int) -> int:
        """Return a place.

        Raises:
            UsageError: no text has it.
        """
        if not 0 <= place < len(self._pool):
            raise UsageError(expected="the number of a text", found=str(place)[:60], where="items")
        return place

    def _answer(self, place: int, kind: Kind, label: str | None, by: str) -> Answer:
        # The name may have changed since the text was shown.
        shown = next((item for item in self._shown.values() if item.id == place), None)
        return Answer(
            text=self._pool.texts[place],
            kind=kind,
            label=label,
            part="test" if self._pool.reserved[place] else "train",
            suggested=None if shown is None else shown.suggested,
            by=by,
        )

    def _check_open(self, place: int) -> None:
        if not self._is_open[self.check_place(place)]:
            raise UsageError(
                expected="a text without an answer", found="one that was answered", where="items",
                fix="undo its answer first",
            )  # fmt: skip
        if self._pool.reserved[place] and all(place != item.id for item in self._shown.values()):
            raise UsageError(
                expected="a text that is shown, or that a search has found",
                found="one that is reserved for the random sample", where="items",
            )  # fmt: skip

    def _is_random_due(self) -> bool:
        """Whether too few texts would be random ones with another text that is not."""
        parts = [each.part for each in self._journal.answers]
        return RANDOM_EVERY * parts.count("test") < len(parts) + 1
