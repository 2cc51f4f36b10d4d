"""`annotate`: label texts that have no labels, the most informative first."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from foretell.annotation.journal import Answer, Journal, Kind, checked_labels
from foretell.annotation.metrics import Counts, Metrics, counts_of
from foretell.annotation.ranking import Ranker, Ranking, TextPool, check_suggests
from foretell.arrays import Integers, Mask
from foretell.artifacts.replacement import new_file
from foretell.data.examples import unlabelled_texts
from foretell.errors import UsageError

if TYPE_CHECKING:
    from foretell.runtime.labels.classifier import LabelsRuntime

RANDOM_EVERY = 5
"""At least one in so many texts is drawn at random."""

MIN_SUGGESTED = 0.5
"""Probability from which on a label is suggested."""

LEASE_SECONDS = 600.0
"""Seconds in which a text that one person has is shown to nobody else."""


@dataclass(frozen=True)
class Item:
    """A text to label.

    Attributes:
        id: its number.
        text: the text.
        suggested: the label that the model suggests; None: none is probable enough, or the text was
            drawn at random: a suggestion would influence the answers that the metrics are measured
            by.
        probability: of `suggested`.
    """

    id: int
    text: str
    suggested: str | None = None
    probability: float | None = None


Items = Item | int | Iterable[Item | int]
"""A text or several: what `next`, `search` or `similar` returned, or their numbers."""


@dataclass(frozen=True)
class Lease:
    """A text that one person has, and until when nobody else gets it, by the monotonic clock."""

    item: Item
    until: float


def annotate(
    texts: object,
    labels: Sequence[str] | None = None,
    *,
    out: str | Path,
    by: str = "",
    seed: int | None = None,
    text: str | Sequence[str] | None = None,
    suggest: str | Path | None = None,
) -> Annotation:
    """Open texts for annotation: an `Annotation`, whose `next` is the most informative text.

    >>> labels = ["good", "bad"]
    >>> with foretell.annotate("texts.csv", labels=labels, out="answers.jsonl") as annotation:
    ...     item = annotation.next()
    ...     annotation.answer(item, "good")

    A quick linear model is fitted again after each answer. It chooses uncertain texts that are like
    many others and unlike each other. At least one text in five is drawn at random, and never
    trained on; all metrics are measured on these.

    Args:
        texts: texts without labels: a list, a table, or files in any format of examples.
        labels: the names of the labels; None: those of the journal, or those of `suggest`. Labels
            that the journal lacks are added.
        out: the journal of the answers, a file of JSON Lines; where there is one, it is continued.
        by: who answers.
        seed: of the random draws; None: that of the journal, or 0.
        text: the name of the text column, or of several, whose texts are joined; None: those that
            the model `suggest` has joined, or else chosen where it is clear.
        suggest: a model directory for labels, whose probabilities the quick model starts from.

    Raises:
        ArtifactError: the model `suggest` cannot be trusted.
        DataError: no texts; a journal that is damaged or about other texts.
        UsageError: fewer than two labels, or others than those of the journal; a model with labels
            that are not among them.
        ForetellError: another process has the journal open, or it cannot be written.
    """
    notes: list[str] = []
    model = None
    if suggest is not None:
        from foretell.runtime.labels.classifier import LabelsRuntime

        model = LabelsRuntime(suggest)
        if labels is None and not Path(out).exists():
            labels = model.labels
        if labels is not None:
            # Before a new journal is made.
            labels = checked_labels(labels, str(out))
            check_suggests(model, labels)
        text = text or model.model.text_columns
    read = unlabelled_texts(texts, text=text, notes=notes)
    journal = Journal(out, labels, seed)
    try:
        if model is not None:
            check_suggests(model, journal.labels)
        annotation = Annotation(read, journal, by=by, suggest=model)
    except BaseException:
        journal.close()
        raise
    annotation.notes[:0] = notes
    return annotation


class Annotation:
    """Texts to label, one after another, the most informative first. Made by `foretell.annotate`.

    >>> labels = ["good", "bad"]
    >>> with foretell.annotate("texts.csv", labels=labels, out="answers.jsonl") as annotation:
    ...     while (item := annotation.next()) is not None:
    ...         annotation.answer(item, input(item.text))

    Methods may be called from any thread. An answer is on disk when its method returns. `by` is the
    name of the person who answers; None: the name that was given to `foretell.annotate`. Each
    person has a text of their own for ten minutes; then another person may get it too.

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
        suggest: LabelsRuntime | None = None,
    ) -> None:
        self.labels = list(journal.labels)
        self._by = by
        self._journal = journal
        self._pool = TextPool(texts, journal.seed, [each.text for each in journal.answers])
        self.notes = [*journal.notes, *self._pool.notes]
        self._ranker = Ranker(self._pool, self.labels, journal.seed, suggest)
        self._lock = threading.RLock()
        self._leases: dict[str, Lease] = {}
        self._has_shown: set[int] = set()
        self._is_open: Mask = np.ones(len(self._pool), bool)
        self._is_open[[self._pool.place(each.text) for each in journal.answers]] = False
        # Fits to the newest answers while a person answers.
        self._thread = ThreadPoolExecutor(1, "foretell-annotation")
        self._latest: Ranking | None = None
        self.first_fit = self._fit = self._thread.submit(self._rank)

    # ---- the next text

    def next(self, *, by: str | None = None, fresh: bool = False) -> Item | None:
        """Return the text to label next; the same one until it is answered. None: all are answered,
        or out with other people.

        At least one in five was drawn at random; the others are the most informative, by the last
        fit.

        Args:
            by: who answers.
            fresh: wait until the model has learned from all answers.
        """
        who = self._who(by)
        ranking = self._ranking(fresh=fresh)
        with self._lock:
            out = self._out(who)
            lease = self._leases.get(who)
            if lease is not None and self._is_open[lease.item.id] and lease.item.id not in out:
                return self._lend(lease.item, who)
            parts = [each.part for each in self._journal.answers]
            drawn = self._pool.drawn.tolist()
            order = [*ranking.queue, *self._selectable(repeats=False).tolist(), *drawn]
            if RANDOM_EVERY * parts.count("test") <= len(parts):
                order = drawn + order
            for place in order:
                if self._is_open[place] and place not in out:
                    return self._lend(self._item(place, ranking), who)
            return None

    def _who(self, by: str | None) -> str:
        return self._by if by is None else by

    def _out(self, who: str) -> set[int]:
        """Return the texts that others have."""
        now = time.monotonic()
        return {
            lease.item.id
            for name, lease in self._leases.items()
            if name != who and lease.until > now and self._is_open[lease.item.id]
        }

    def _lend(self, item: Item, who: str) -> Item:
        """Give a text to a person, for some minutes from now on."""
        self._leases[who] = Lease(item, time.monotonic() + LEASE_SECONDS)
        self._has_shown.add(item.id)
        return item

    # ---- answers

    def answer(self, items: Items, label: str, *, by: str | None = None) -> list[Answer]:
        """Give a label to a text, or to several at once, and return the answers as they are on
        disk.

        Raises:
            UsageError: no such label or text, a text that was answered already, or a reserved text
                that is not shown.
            ForetellError: the answer could not be written; there is none then.
        """
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

    def answer_open(
        self, items: Items, kind: Kind, label: str | None = None, *, by: str | None = None
    ) -> tuple[list[Answer], dict[int, Answer]]:
        """Answer those of the texts that nobody has answered meanwhile. Return the new answers, and
        the earlier answer about each of the other texts, which stays, by its number.

        Raises:
            UsageError: as `answer` does, except for texts that were answered.
            ForetellError: the answers could not be written; there are none then.
        """
        with self._lock:
            answers = {self._pool.place(each.text): each for each in self._journal.answers}
            places = [self._checked(each) for each in _listed(items)]
            conflicts = {place: answers[place] for place in places if place in answers}
            still_open = [place for place in places if place not in answers]
            return self._record(still_open, kind, label, by), conflicts

    def undo(self, *, by: str | None = None) -> list[Answer]:
        """Undo the last decision of a person, of one text or of several, and return its answers;
        none: there is none.

        A single text is shown to this person again next.
        """
        who = self._who(by)
        with self._lock:
            undone = self._journal.undo(who)
            places = [self._pool.place(each.text) for each in undone]
            self._is_open[places] = True
            if len(undone) == 1:
                self._lend(Item(places[0], self._pool.texts[places[0]], undone[0].suggested), who)
            self._changed()
            return undone

    @property
    def answers(self) -> list[Answer]:
        """The answers that were not undone, in order."""
        with self._lock:
            return list(self._journal.answers)

    # ---- several texts

    def search(self, query: str, k: int = 50) -> list[Item]:
        """Return up to `k` texts without an answer that contain every word of a query, in any case.

        Reserved texts are not among them: a text that was searched for is not drawn at random.
        """
        words = set(query.casefold().split())
        items: list[Item] = []
        for place in self._selectable().tolist():
            text = self._pool.texts[place]
            if len(items) < k and words and all(map(text.casefold().__contains__, words)):
                items.append(Item(place, text))
        return items

    def similar(self, item: Item | int, k: int = 20) -> list[Item]:
        """Return up to `k` texts without an answer, those most similar to a text first.

        Similarity is the cosine of vectors from a truncated SVD of TF-IDF values. Reserved texts
        are not among them.

        Raises:
            UsageError: no such text.
        """
        place = self._checked(item)
        # The vectors are made for the first ranking.
        self._ranking()
        rows = self._ranker.quick.embeddings
        others = self._selectable()
        others = others[others != place]
        # Not rows[others], which is a copy.
        similarities = (rows @ rows[place])[others]
        order = np.argsort(-similarities, kind="stable")[:k]
        return [Item(other, self._pool.texts[other]) for other in others[order].tolist()]

    # ---- what is known so far

    def counts(self) -> Counts:
        """Count the answers of each kind, and the texts that are left."""
        with self._lock:
            left = int(self._is_open[self._pool.drawn].sum()) + len(self._selectable(repeats=False))
            return counts_of(self.answers, self.labels, left)

    def metrics(self, *, fresh: bool = False) -> Metrics:
        """Return the metrics of the last fit, all measured on texts that were drawn at random.

        Args:
            fresh: wait until the model has learned from all answers.
        """
        return self._ranking(fresh=fresh).metrics

    @property
    def is_fitted(self) -> bool:
        """Whether the last fit has all answers."""
        return self._fit.done()

    def to_csv(self) -> str:
        """Return the answers as CSV; see `export`."""
        file = io.StringIO(newline="")
        # Its lines end with CR LF, so a text with a CR alone is quoted too.
        writer = csv.writer(file)
        writer.writerow(["text", "label", "answer", "part", "suggested", "by", "at"])
        fields = attrgetter("text", "label", "kind", "part", "suggested", "by", "at")
        # None becomes an empty cell.
        writer.writerows(map(fields, self.answers))
        return file.getvalue()

    def export(self, path: str | Path) -> None:
        """Write the answers as CSV: text, label, answer, part, suggested, by, at.

        `label` is empty where the answer is skip, none or unclear: `foretell train labels` leaves
        such texts out. `part` is test for texts that were drawn at random.

        Raises:
            ForetellError: the file cannot be written.
        """
        if Path(path).resolve() == self._journal.path.resolve():
            raise UsageError("another file than the answers", path, where="path")
        with new_file(Path(path)) as new:
            new.write_bytes(self.to_csv().encode("utf-8", "replace"))

    def close(self) -> None:
        """End the fits, and close the journal."""
        self._thread.shutdown(cancel_futures=True)
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- texts and answers

    def _record(self, items: Items, kind: Kind, label: str | None, by: str | None) -> list[Answer]:
        if kind == "label" and label not in self.labels:
            raise UsageError(
                f"a label ({', '.join(self.labels)[:200]})", repr(label)[:60], where="label"
            )
        who = self._who(by)
        with self._lock:
            places = list(dict.fromkeys(map(self._checked_open, _listed(items))))
            shown = [self._leases[who].item] if who in self._leases else []
            suggested = {item.id: item.suggested for item in shown}
            answers = self._journal.append(
                Answer(
                    text=self._pool.texts[place],
                    kind=kind,
                    label=label,
                    by=who,
                    part="test" if self._pool.reserved[place] else "train",
                    suggested=suggested.get(place),
                )
                for place in places
            )
            self._is_open[places] = False
            self._changed()
            return answers

    def _checked(self, item: Item | int) -> int:
        place = item.id if isinstance(item, Item) else item
        if not 0 <= place < len(self._pool):
            raise UsageError("the number of a text", str(place)[:60], where="items")
        return place

    def _checked_open(self, item: Item | int) -> int:
        place = self._checked(item)
        if not self._is_open[place]:
            raise UsageError(
                "a text without an answer",
                "one with",
                where="items",
                fix="undo its answer first",
            )
        if self._pool.reserved[place] and place not in self._has_shown:
            raise UsageError(
                "a text that is shown, or that a search has found",
                "one that is reserved for the random sample",
                where="items",
            )
        return place

    def _selectable(self, *, repeats: bool = True) -> Integers:
        """Return the places of texts without an answer that are not reserved."""
        with self._lock:
            is_selectable = self._is_open & ~self._pool.reserved
            if not repeats:
                is_selectable &= ~self._pool.is_repeat
            return np.flatnonzero(is_selectable)

    def _item(self, place: int, ranking: Ranking) -> Item:
        text = self._pool.texts[place]
        row = ranking.probabilities[place]
        best = int(row.argmax())
        if self._pool.reserved[place] or row[best] < MIN_SUGGESTED:
            return Item(place, text)
        return Item(place, text, self.labels[best], float(row[best]))

    # ---- fits

    def _changed(self) -> None:
        """Fit again, unless a fit waits to begin: that one will have the newest answers too."""
        if self._fit.running() or self._fit.done():
            self._fit = self._thread.submit(self._rank)

    def _rank(self) -> Ranking:
        ranking = self._ranker.rank(self.answers)
        with self._lock:
            self._latest = ranking
        return ranking

    def _ranking(self, *, fresh: bool = False) -> Ranking:
        """Return the last ranking, or raise what a fit raised."""
        with self._lock:
            fit = self._fit
            latest = self._latest
        if fresh or latest is None or fit.done():
            return fit.result()
        return latest


def _listed(items: Items) -> Iterable[Item | int]:
    if isinstance(items, Item | int | np.integer):
        return [items]
    return items
