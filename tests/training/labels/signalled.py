"""A training on made-up texts that sends itself a signal a moment after a step has begun, and notes when."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import Interrupted
from foretell.presets import LABELS_PRESETS
from foretell.training.labels import decide, network, one_member, train
from foretell.training.labels.network_fit import Fitting
from foretell.training.options import TrainOptions

# The step, where its function stands, and the seconds after which the signal is sent.
STEPS: dict[str, tuple[Any, str, float]] = {
    "tokens": (train, "tokenize_split", 0.2),
    "linear": (one_member, "fit_ngrams", 0.1),
    "vectors": (one_member, "label_by_vectors", 0.3),
    "embeddings": (network, "cooccurrence_embeddings", 0.1),
    "network": (Fitting, "fit", 2.0),
    "refit": (one_member, "_refitted", 0.05),
    "members": (decide, "choose_all", 0.5),
    "folds": (decide, "fold_probabilities", 1.0),
}


def main(step: str, number: int, out: str, resume: bool) -> int:
    """Train; return the exit code of an interruption, whose error is printed.

    Args:
        step: at which step the signal is sent; "": it is not sent.
        number: of the signal.
        out: the model directory; OUT.sent is the file of the moment.
        resume: resume the run.
    """

    def send() -> None:
        Path(f"{out}.sent").write_text(str(time.monotonic()))
        os.kill(os.getpid(), number)

    def later(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            threading.Timer(seconds, send).start()
            return function(*arguments, **options)

        return called

    if step:
        owner, name, seconds = STEPS[step]
        setattr(owner, name, later(seconds, getattr(owner, name)))
    rng = np.random.default_rng(0)

    def texts(n: int) -> list[str]:
        return [" ".join(f"w{k}" for k in rng.zipf(1.3, 80) % 20_000) for _ in range(n)]

    has_members = step in ("members", "folds")
    labelled = texts(900 if has_members else 6_000)
    examples = Examples(labelled, [("a", "b")[i % 2] for i in range(len(labelled))], name="made up")
    changes = {
        "units": 8, "embedding_size": 16, "length": 40, "min_steps": 1, "patience": 0,
        "epochs": 40 if step == "network" else 1, "folds": 5 if has_members else 0,
    }  # fmt: skip
    settings = with_changes(LABELS_PRESETS["base"], changes)
    split = make_split(
        examples, fraction=settings.fraction_for(len(labelled)), seed=1, unlabelled=texts(4_000)
    )
    try:
        train.train_labels(split, settings, TrainOptions(out=Path(out), resume=resume))
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0
