"""`Annotation`: texts without labels, the answers about them, and the model that learns from the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from foretell.annotation.answers import Answer, Kind
from foretell.annotation.export import to_csv, write_csv
from foretell.annotation.journal import Journal
from foretell.annotation.metrics import Counts, Metrics, counts_of
from foretell.annotation.pool import Pool
from foretell.annotation.ranking import Ranker, Ranking, Refitting, opened_model
from foretell.annotation.state import Item, State
from foretell.errors import ForetellError, UsageError

MIN_SUGGESTED = 0.5
"""Probability from which on a label is suggested."""

_SECONDS = 600.0

Items = Item | int | Iterable[Item | int]
"""A text or several: what `next`, `search` or `similar` returned, or their numbers."""


class Annotation:
    """Texts to label, one after another, the most informative first. Made by `foretell.annotate`.

    >>> with foretell.annotate("texts.csv", labels=["good", "bad"], out="answers.jsonl") as annotation:
    ...     while (item := annotation.next()) is not None:
    ...         annotation.answer(item, input(item.text))

    Methods may be called from any thread. An answer is on disk when its method returns. `by` is the name of
    the person who answers; None: the name that was given to `foretell.annotate`.

    Args:
        texts: the texts, none of them empty.
        journal: where the answers are written.
        by: who answers.
        model: a model directory whose predictions help from the first text on.

    Attributes:
        labels: the names of the labels.
        notes: what was left out or dropped, one sentence each.
    """

    def __init__(
        self,
        texts: Sequence[str],
        journal: Journal,
        *,
        by: str = "",
        model: str | Path | None = None,
    ) -> None:
        self.labels, self._by = list(journal.labels), by
        self._journal = journal
        self._pool = Pool(texts, journal.seed, [each.text for each in journal.answers])
        self.notes = [*journal.notes, *self._pool.notes]
        self._state = State(self._pool, journal)
        given = None if model is None else opened_model(model, self.labels)
        self._ranker = Ranker(self._pool, self.labels, journal.seed, given)
        self._refitting = Refitting(lambda: self._ranker.rank(*self._state.snapshot()))

    # ---- the next text

    def next(self, *, by: str | None = None, fresh: bool = False) -> Item | None:
        """Return the text to label next; the same one until it is answered. None: all are answered.

        At least one in five was drawn at random; the others teach most, by the last fit.

        Args:
            by: persons who answer at the same time get different texts.
            fresh: wait until the model has learned from all answers.
        """
        name = self._name(by)
        item = self._state.shown(name)
        if item is None:
            ranking = self._ranking(fresh=fresh)
            place = self._state.next_place(ranking.queue, name)
            item = None if place is None else self._item(place, ranking)
            self._state.show(name, item)
        return item

    # ---- answers

    def answer(self, items: Items, label: str, *, by: str | None = None) -> list[Answer]:
        """Give a label to a text, or to several at once, and return the answers as they are on disk.

        Raises:
            UsageError: no such label or text, a text that was answered already, or a reserved text that is
                not shown.
            ForetellError: the answer could not be written.
        """
        if label not in self.labels:
            raise UsageError(
                expected=f"a label ({', '.join(self.labels)[:200]})", found=repr(label)[:60], where="label"
            )
        return self._record(items, "label", label, by)

    def skip(self, items: Items, *, by: str | None = None) -> list[Answer]:
        """Leave a text without an answer; it is not shown again."""
        return self._record(items, "skip", None, by)

    def none(self, items: Items, *, by: str | None = None) -> list[Answer]:
        """Answer that no label applies to a text."""
        return self._record(items, "none", None, by)

    def unclear(self, items: Items, *, by: str | None = None) -> list[Answer]:
        """Answer that a text does not show which label applies."""
        return self._record(items, "unclear", None, by)

    def undo(self, *, by: str | None = None) -> list[Answer]:
        """Undo the last decision, of one text or of several, and return its answers; none: there is none.

        A single text is shown again next.
        """
        undone = self._state.undo(self._name(by))
        self._refitting.ask()
        return undone

    @property
    def answers(self) -> list[Answer]:
        """The answers that were not undone, in order."""
        return self._state.snapshot()[1]

    # ---- several texts

    def search(self, query: str, k: int = 50) -> list[Item]:
        """Return up to `k` texts without an answer that contain every word of a query, in any case.

        Reserved texts are not among them: a text that was searched for is not drawn at random.
        """
        words = query.casefold().split()
        found: list[Item] = []
        for place in self._state.selectable().tolist() if words else ():
            folded = self._pool.texts[place].casefold()
            if len(found) < k and all(word in folded for word in words):
                found.append(Item(place, self._pool.texts[place]))
        return found

    def similar(self, item: Item | int, k: int = 20) -> list[Item]:
        """Return up to `k` texts without an answer, those most similar to a text first.

        Similarity is the cosine of vectors from a truncated SVD of TF-IDF values. Reserved texts are not
        among them.

        Raises:
            UsageError: no such text.
        """
        place = self._state.check_place(item.id if isinstance(item, Item) else item)
        # The vectors are made for the first ranking.
        self._ranking()
        rows, others = self._ranker.embeddings, self._state.selectable()
        others = others[others != place]
        order = np.argsort(-(rows[others] @ rows[place]), kind="stable")[:k]
        return [Item(each, self._pool.texts[each]) for each in others[order].tolist()]

    # ---- what is known so far

    def counts(self) -> Counts:
        """Count the answers of each kind, and the texts that are left."""
        return counts_of(self.answers, self.labels, self._state.left())

    def metrics(self, *, fresh: bool = False) -> Metrics:
        """Return the metrics of the last fit, all measured on texts that were drawn at random.

        Args:
            fresh: wait until the model has learned from all answers.
        """
        return self._ranking(fresh=fresh).metrics

    @property
    def is_fitted(self) -> bool:
        """Whether the last fit has all answers."""
        return self._ranking().version == self._state.snapshot()[0]

    def to_csv(self) -> str:
        """Return the answers as CSV; see `export`."""
        return to_csv(self.answers)

    def export(self, path: str | Path) -> None:
        """Write the answers as CSV: text, label, answer, part, suggested, by, at.

        `label` is empty where the answer is skip, none or unclear: `foretell train labels` leaves such texts
        out. `part` is test for texts that were drawn at random.

        Raises:
            ForetellError: the file cannot be written.
        """
        write_csv(self.answers, path)

    def close(self) -> None:
        """End the fits, and close the journal."""
        self._refitting.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name(self, by: str | None) -> str:
        return self._by if by is None else by

    def _record(self, items: Items, kind: Kind, label: str | None, by: str | None) -> list[Answer]:
        given = [items] if isinstance(items, Item | int) else items
        written = self._state.record(given, kind, label, self._name(by))
        self._refitting.ask()
        return written

    def _ranking(self, *, fresh: bool = False) -> Ranking:
        version = self._state.snapshot()[0] if fresh else 0
        ranking = self._refitting.wait(version, _SECONDS)
        if ranking is None:
            raise ForetellError(expected=f"a fit within {_SECONDS:.0f} s", found="none", where="annotation")
        return ranking

    def _item(self, place: int, ranking: Ranking) -> Item:
        text, row = self._pool.texts[place], ranking.probabilities[place]
        best = int(row.argmax())
        if self._pool.reserved[place] or row[best] < MIN_SUGGESTED:
            return Item(place, text)
        return Item(place, text, self.labels[best], float(row[best]))
