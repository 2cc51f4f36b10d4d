"""A few labelled texts for tests of the linear members."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from foretell.data.folds import Folds, make_folds
from foretell.presets import LABELS_PRESETS
from foretell.training.checkpoints import Checkpoint
from foretell.training.labels.corpus import LabelsCorpus, Origin, Part, make_corpus
from foretell.training.labels.members import Evidence, evidence_of
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.rows import hard_rows
from foretell.training.labels.stages import Stages, Training


def few_corpus(n: int = 60, n_labels: int = 2, n_unlabelled: int = 40) -> LabelsCorpus:
    """Return texts in which some words show the label, and others without labels."""
    rng = random.Random(n_labels)

    def text(label: int) -> str:
        own = [f"{'abc'[label]}{rng.randint(0, 5)}ing" for _ in range(3)]
        return " ".join([*own, *(f"word{rng.randint(0, 9)}" for _ in range(5))])

    labels = [i % n_labels for i in range(n)]
    texts = [text(label) for label in labels]
    others = [text(rng.randrange(n_labels)) for _ in range(n_unlabelled)]
    return corpus_of(texts, labels, others, "abc"[:n_labels])


def corpus_of(
    texts: Sequence[str], labels: Sequence[int], others: Sequence[str], names: Sequence[str]
) -> LabelsCorpus:
    """Return texts with labels, by their places among the names, and others without."""
    rows = hard_rows(np.array(labels, np.int32), np.ones(len(texts)), len(names))
    parts = {Origin.LABELS: Part(texts=texts, rows=rows)}
    return make_corpus(parts, others, names, LABELS_PRESETS["base"])


def evidence(corpus: LabelsCorpus, n_folds: int = 5) -> Evidence:
    """Return the labelled texts, held out in folds."""
    n = corpus.n_given
    fold_of = np.full(len(corpus), -1, np.int32)
    fold_of[:n] = make_folds(corpus.texts[:n], corpus.rows.truth(), n_folds, seed=1).fold_of
    return evidence_of(corpus, Folds(fold_of=fold_of), OneLabel(len(corpus.labels)))


class FewTraining:
    """A training without a run: its notes, the seconds of each stage, and what a checkpoint had
    before.
    """

    def __init__(
        self,
        corpus: LabelsCorpus | None = None,
        left: float = float("inf"),
        before: dict[str, Any] | None = None,
    ) -> None:
        checkpoint = None if before is None else Checkpoint(0, before, {})
        kept = SimpleNamespace(due=lambda: False, save=lambda *_: None)
        deadline = None if left == float("inf") else left
        budget = SimpleNamespace(for_stage=lambda _: left, deadline=deadline)
        self.notes = list[str]()
        self.run: Any = SimpleNamespace(
            budget=budget,
            checkpoints=kept,
            resumed=lambda: checkpoint,
            note=self.notes.append,
            stage=lambda *_: None,
        )
        self.corpus, self.stages = corpus, Stages(self.run)
        self.settings = LABELS_PRESETS["base"]

    within = Training.within

    def check(self) -> None:
        pass
