"""`annotate`: label texts that have no labels, the most informative first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.annotation.annotation import Annotation
from foretell.annotation.journal import Journal
from foretell.data.unlabelled import unlabelled_texts


def annotate(
    texts: Any,
    labels: Sequence[str] | None = None,
    *,
    out: str | Path,
    by: str = "",
    seed: int | None = None,
    text: str | None = None,
    suggest: str | Path | None = None,
) -> Annotation:
    """Open texts for annotation: an `Annotation`, whose `next` is the text that teaches most.

    >>> with foretell.annotate("texts.csv", labels=["good", "bad"], out="answers.jsonl") as annotation:
    ...     item = annotation.next()
    ...     annotation.answer(item, "good")

    A quick linear model is fitted again after each answer. It chooses uncertain texts that are like many
    others and unlike each other. At least one text in five is drawn at random, and never trained on; all
    metrics are measured on these.

    Args:
        texts: texts without labels: a list, a table, or files in any format of examples.
        labels: the names of the labels; None: those of the journal. Labels that the journal lacks are added.
        out: the journal of the answers, a file of JSON Lines; where there is one, it is continued.
        by: who answers.
        seed: of the random draws; None: that of the journal, or 0.
        text: the name of the text column; None: chosen where it is clear.
        suggest: a model directory whose predictions help from the first text on.

    Raises:
        DataError: no texts; a journal that is damaged or about other texts.
        UsageError: fewer than two labels, or others than those of the journal; a model without these labels.
        ForetellError: another process has the journal open, or it cannot be written.
    """
    notes: list[str] = []
    read = unlabelled_texts(texts, text=text, notes=notes)
    return opened(read, labels, out, by=by, seed=seed, suggest=suggest, notes=notes)


def opened(
    texts: Sequence[str],
    labels: Sequence[str] | None,
    out: str | Path,
    *,
    by: str = "",
    seed: int | None = None,
    suggest: str | Path | None = None,
    notes: Sequence[str] = (),
) -> Annotation:
    """Return the annotation of texts that were read; the arguments are those of `annotate`.

    Args:
        notes: on the reading of the texts.
    """
    journal = Journal(out, labels, seed)
    try:
        annotation = Annotation(texts, journal, by=by, model=suggest)
    except BaseException:
        journal.close()
        raise
    annotation.notes[:0] = notes
    return annotation
