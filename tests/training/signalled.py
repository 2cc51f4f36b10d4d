"""A training on made-up texts that sends itself a signal a moment after a stage has begun, and notes when."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foretell.config import WordsSettings, with_changes
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import Interrupted
from foretell.presets import LABELS_PRESETS
from foretell.training import run
from foretell.training.labels import decide, network, one_member
from foretell.training.labels import train as labels
from foretell.training.labels.network_fit import Fitting
from foretell.training.options import TrainOptions
from foretell.training.words import data, kneser_ney_fit
from foretell.training.words import train as words
from foretell.training.words.loop import Loop

# The stage, where its function stands, and the seconds after which the signal is sent.
STAGES: dict[str, dict[str, tuple[Any, str, float]]] = {
    "labels": {
        "tokens": (labels, "tokenize_split", 0.2),
        "linear": (one_member, "fit_ngrams", 0.1),
        "vectors": (one_member, "label_by_vectors", 0.3),
        "embeddings": (network, "cooccurrence_embeddings", 0.1),
        "network": (Fitting, "fit", 2.0),
        "refit": (one_member._Fitted, "refitted", 0.05),
        "members": (decide, "choose_all", 0.5),
        "folds": (decide, "fold_probabilities", 1.0),
    },
    "words": {
        "vocabulary": (data.Tokenizer, "train", 0.05),
        "tokens": (data, "write_tokens", 0.0),
        "kneser-ney": (kneser_ney_fit, "count", 0.3),
        "network": (Loop, "train", 1.0),
        "validation": (Loop, "evaluate", 0.05),
        "interpolation": (words, "interpolate", 0.0),
        "writing": (run, "write_model", 0.0),
    },
}
_count = kneser_ney_fit.count


def main(job: str, stage: str, number: int, out: str, resume: bool) -> int:
    """Train; return the exit code of an interruption, whose error is printed.

    Args:
        job: "labels" or "words".
        stage: at which stage the signal is sent; "slow step": twice, in a step that takes half a minute; "":
            it is not sent.
        number: of the signal.
        out: the model directory; OUT.sent is the file of the moment.
        resume: resume the run.
    """

    def send(times: int = 1) -> None:
        Path(f"{out}.sent").write_text(str(time.monotonic()))
        for _ in range(times):
            os.kill(os.getpid(), number)
            time.sleep(0.2)

    def later(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            threading.Timer(seconds, send).start()
            return function(*arguments, **options)

        return called

    def slow_step(_: Loop) -> None:
        threading.Timer(0.0, send, [2]).start()
        for _turn in range(600):
            time.sleep(0.05)

    if stage == "slow step":
        Loop._step = slow_step  # type: ignore[method-assign]
    elif stage:
        owner, name, seconds = STAGES[job][stage]
        function = _count_for_ten_seconds if stage == "kneser-ney" else getattr(owner, name)
        setattr(owner, name, later(seconds, function))
    try:
        (_labels if job == "labels" else _words)(stage, TrainOptions(out=Path(out), resume=resume))
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


def _count_for_ten_seconds(*_: Any, **__: Any) -> Any:
    """Count more text than the corpus has."""
    return _count(np.random.default_rng(0).integers(0, 30_000, 5_000_000, np.int32), 30_000)


def _labels(stage: str, options: TrainOptions) -> None:
    rng = np.random.default_rng(0)

    def texts(n: int) -> list[str]:
        return [" ".join(f"w{k}" for k in rng.zipf(1.3, 80) % 20_000) for _ in range(n)]

    has_members = stage in ("members", "folds")
    labelled = texts(900 if has_members else 6_000)
    examples = Examples(labelled, [("a", "b")[i % 2] for i in range(len(labelled))], name="made up")
    changes = {
        "units": 8, "embedding_size": 16, "length": 40, "min_steps": 1, "patience": 0,
        "epochs": 40 if stage == "network" else 1, "folds": 5 if has_members else 0,
    }  # fmt: skip
    settings = with_changes(LABELS_PRESETS["base"], changes)
    fraction = settings.fraction_for(len(labelled))
    split = make_split(examples, fraction=fraction, seed=1, unlabelled=texts(4_000))
    labels.train_labels(split, settings, options)


def _words(stage: str, options: TrainOptions) -> None:
    n = 400_000 if stage in ("vocabulary", "tokens", "slow step") else 100_000
    drawn = [f"w{k}" for k in np.random.default_rng(0).zipf(1.2, n) % 5_000]
    corpus = Corpus.from_texts([" ".join(drawn[k : k + 20]) for k in range(0, n, 20)])
    settings = WordsSettings(
        embedding_size=32, units=32, streams=8, epochs=50 if stage in ("network", "slow step") else 1,
        min_steps=1, valid_fraction=0.1, kneser_ney=True, max_ngrams=20_000, vocabulary=2_000,
        window=35 if stage == "network" else 200,
    )  # fmt: skip
    words.train_words(corpus, settings, options)
