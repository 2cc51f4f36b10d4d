"""A few labelled texts for tests of the linear members."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np

from foretell.data.split import Split
from foretell.presets import LABELS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.checkpoints import Checkpoint
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.rows import Rows
from foretell.training.labels.stages import Stages, Training
from foretell.training.labels.tokens import tokenize


def few_rows(n: int = 60, n_labels: int = 2, n_unlabelled: int = 40) -> tuple[Rows, Tokenizer]:
    """Return texts in which some words show the label, and others without labels."""
    rng = random.Random(n_labels)

    def text(label: int) -> str:
        own = [f"{'abc'[label]}{rng.randint(0, 5)}ing" for _ in range(3)]
        return " ".join([*own, *(f"word{rng.randint(0, 9)}" for _ in range(5))])

    labels = [i % n_labels for i in range(n)]
    texts = [text(label) for label in labels]
    others = [text(rng.randrange(n_labels)) for _ in range(n_unlabelled)]
    tokenizer, everything = tokenize([*texts, *others], LABELS_PRESETS["base"])
    rows = Rows(
        texts=texts,
        tokenized=everything.part(0, n),
        targets=np.array(labels, np.int32),
        counts=np.ones(n),
        unlabelled=everything.part(n, n + n_unlabelled),
        outputs=OneLabel(n_labels),
    )
    return rows, tokenizer


def few_tokens(tokenizer: Tokenizer) -> Any:
    """Return what `candidates` reads of `Tokens`."""
    return SimpleNamespace(tokenizer=tokenizer, vectors=None, balance=None)


class FewTraining:
    """A training without a run: its notes, the seconds of each stage, and what a checkpoint had
    before.
    """

    def __init__(
        self,
        split: Split | None = None,
        left: float = float("inf"),
        before: dict[str, Any] | None = None,
    ) -> None:
        checkpoint = None if before is None else Checkpoint(0, before, {})
        kept = SimpleNamespace(due=lambda: False, save=lambda *_: None)
        deadline = None if left == float("inf") else left
        budget = SimpleNamespace(for_stage=lambda _: left, deadline=deadline)
        self.run: Any = SimpleNamespace(budget=budget, checkpoints=kept, resumed=lambda: checkpoint)
        self.split, self.stages, self.notes = split, Stages(self.run), list[str]()
        self.settings = LABELS_PRESETS["base"]

    def note(self, text: str) -> None:
        self.notes.append(text)

    within = Training.within

    def begin(self, *_: object) -> None:
        pass

    def check(self) -> None:
        pass
