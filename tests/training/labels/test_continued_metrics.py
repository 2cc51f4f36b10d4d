"""Metrics on old data: what is noise, what is a warning, and what is known without old examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.model import Model
from foretell.data.split import text_key
from foretell.presets import LABELS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Note
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.continued import Continued, continued_metrics
from foretell.training.labels.metrics import Measured

LABELS = ["a", "b", "c"]


class Known:
    """An old model that gives every text the label a."""

    labels = ["a", "b"]  # noqa: RUF012

    def predict_proba(self, texts: Sequence[str]) -> Any:
        return np.tile(np.array([[0.9, 0.1]], np.float32), (len(texts), 1))


def model(labels: list[str], **more: Any) -> Model:
    tokenizer = Tokenizer.train(["x y z"], "words", lowercase=True, vocabulary=9)
    return Model(
        job="labels",
        preset="quick",
        settings=LABELS_PRESETS["quick"],
        tokenizer=tokenizer,
        labels=labels,
        **more,
    )


def metrics(accuracy: float, before: float | None, n: int) -> tuple[dict[str, Any], list[str]]:
    """Return the metrics of n old and n new texts of label a, of which the new model gets a share right."""
    metrics = {} if before is None else {"accuracy": before, "confusion": {"counts": [[n, 0], [0, 0]]}}
    old = model(["a", "b"], metrics=metrics, sha256="1" * 64)
    ancestor = Ancestor(name="old", model=old, runtime=Known(), open=lambda _: Known())
    texts = [f"text {i}" for i in range(2 * n)]
    answers = np.zeros((2 * n, 3), np.float32)
    answers[np.arange(2 * n), np.where(np.arange(2 * n) % n < accuracy * n, 0, 2)] = 1
    measured = Measured(texts, np.zeros(2 * n, np.int32), answers, answers > 0, None, "validation texts")
    keys = frozenset(map(text_key, texts[:n])) if before is not None else frozenset()
    what = Continued(
        ancestor=ancestor, has_old=before is not None, old_keys=keys, old_valid=None, replayed={}
    )
    notes: list[str] = []
    found = continued_metrics(
        model(LABELS), what, measured, lambda event: isinstance(event, Note) and notes.append(event.text)
    )
    return found, notes


@pytest.mark.parametrize(
    ("accuracy", "before", "n", "drops"),
    [(0.7, 0.9, 100, True), (0.8, 0.9, 20, False), (0.9, 0.9, 100, False), (1.0, 0.5, 100, False)],
)
def test_a_drop_that_is_more_than_chance_gives_a_warning(
    accuracy: float, before: float, n: int, drops: bool
) -> None:
    found, notes = metrics(accuracy, before, n)
    assert found["old"]["accuracy"] == accuracy
    assert found["old"]["accuracy_before"] == before
    assert found["new"]["texts"] == n
    assert found["old"]["has_dropped"] is drops
    assert any(note.startswith("warning: the accuracy on the old data") for note in notes) is drops


def test_without_old_examples_it_is_stated_that_nothing_is_known() -> None:
    found, notes = metrics(0.75, None, 20)
    assert found["old"] is None
    # The old model gives every text the label a.
    assert found["agreement"] == 0.75
    assert found["new_labels"] == ["c"]
    text = (
        "not measured, because no old examples were given; old and new model agree on 75.00% of the new texts"
    )
    assert notes[-1] == f"old data: {text}"


def test_what_cannot_be_measured() -> None:
    what = Continued(
        ancestor=Ancestor(name="old", model=model(["a", "b"]), runtime=Known(), open=lambda _: Known()),
        has_old=False,
        old_keys=frozenset(),
        old_valid=None,
        replayed={},
    )
    found = continued_metrics(model(LABELS), what, None, lambda _: None)
    assert (found["new"], found["old"]) == (None, None)
