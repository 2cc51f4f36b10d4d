"""Labels by text vectors: interrupted after any pass of either round and resumed, they are the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.tokens import Tokens, tokenize_split
from foretell.training.labels.vector_labels import VectorLabels, label_by_vectors
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run

SETTINGS = LABELS_PRESETS["base"]


class StopError(Exception):
    """Stands for a process that is killed."""


def tokens() -> tuple[Tokens, Split]:
    rng = np.random.default_rng(0)
    labels = [("a", "b")[i % 2] for i in range(200)]
    texts = [
        " ".join(f"{label}{w}" for w in rng.integers(0, 12, 6)) + f" n{i}" for i, label in enumerate(labels)
    ]
    split = Split(
        train=Examples(texts[:60], labels[:60]),
        valid=Examples(texts[-40:], labels[-40:]),
        unlabelled=tuple(texts[60:-40]),
    )
    return tokenize_split(split, SETTINGS), split


def label(out: Path, *, resume: bool = False, stop_after: int = 0) -> VectorLabels:
    """Label by vectors with a checkpoint after each pass; stop after the checkpoint of this number."""
    made, _ = tokens()
    options = TrainOptions(out=out, resume=resume, checkpoint_seconds=1e-9)
    linear = fit_ngrams(made.train.texts.ids, made.train.texts.starts, made.hard, made.tokenizer.size)
    with Run.open(Request(job="labels", settings=SETTINGS, data="made up"), options) as run:
        save, saved = run.checkpoints.save, 0

        def counted(*arguments: object, **named: object) -> Path:
            nonlocal saved
            path = save(*arguments, **named)  # type: ignore[arg-type]
            saved += 1
            if saved == stop_after:
                raise StopError
            return path

        run.checkpoints.save = counted  # type: ignore[method-assign]
        return label_by_vectors(made, linear, run, seed=1, seconds=float("inf"))


@pytest.mark.parametrize("stop_after", [1, 7, 12, 13, 24])
def test_interrupted_after_a_pass_and_resumed_they_are_the_same(tmp_path: Path, stop_after: int) -> None:
    whole = label(tmp_path / "whole")
    with pytest.raises(StopError):
        label(tmp_path / "stopped", stop_after=stop_after)
    resumed = label(tmp_path / "stopped", resume=True)
    np.testing.assert_array_equal(whole.soft, resumed.soft)
    np.testing.assert_array_equal(whole.model.keys, resumed.model.keys)
    np.testing.assert_array_equal(whole.model.weights, resumed.model.weights)
    assert whole.accuracy == resumed.accuracy > 0.7
