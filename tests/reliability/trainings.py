"""Trainings of both jobs that note the begin of each stage, and send themselves a signal in one of
them.
"""

from __future__ import annotations

import functools
import os
import random
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
from foretell.training.labels import network
from foretell.training.labels import train as labels
from foretell.training.options import TrainOptions
from foretell.training.words import data
from foretell.training.words import train as words

# Each stage, and where its function stands.
STAGES: dict[str, dict[str, tuple[Any, str]]] = {
    "labels": {
        "tokens": (labels, "make_corpus"),
        "members": (labels, "choose_all"),
        "last-fit": (labels, "fit_ensembled"),
        "folds": (network, "fold_probabilities"),
        "network": (network, "_train"),
        "metrics": (labels, "metrics_of"),
        "writing": (run, "write_model"),
    },
    "words": {
        "vocabulary": (data.Tokenizer, "train"),
        "tokens": (data, "write_tokens"),
        "kneser-ney": (words, "fit_kneser_ney"),
        "network": (words, "_network"),
        "interpolation": (words, "interpolate"),
        "cache": (words, "fit_cache"),
        "writing": (run, "write_model"),
    },
}


def main(
    job: str,
    out: str,
    resume: bool,
    stage: str,
    seconds: float,
    number: int,
    minutes: float,
    endless: bool,
) -> int:
    """Train; return the exit code of an interruption, whose error is written to stdout.

    OUT.stages gets a line for the begin and one for the end of each stage: its name and the moment.
    OUT.sent gets the moment of the signal `number`, which is sent some seconds after `stage` has
    begun ("": it is not sent). `endless` trains until the time limit.
    """

    def send() -> None:
        Path(f"{out}.sent").write_text(str(time.monotonic()))
        os.kill(os.getpid(), number)

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(*arguments: Any, **options: Any) -> Any:
            _note(out, name)
            if name == stage:
                timer = threading.Timer(seconds, send)
                # The process may end before.
                timer.daemon = True
                timer.start()
            try:
                return function(*arguments, **options)
            finally:
                _note(out, name)

        return called

    for name, (owner, function) in STAGES[job].items():
        setattr(owner, function, noted(name, getattr(owner, function)))
    options = TrainOptions(out=Path(out), resume=resume, checkpoint_seconds=0.2)
    try:
        (_words if job == "words" else _labels)(options, minutes, 100_000 if endless else 0)
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0


def _note(out: str, stage: str) -> None:
    with Path(f"{out}.stages").open("a") as file:
        file.write(f"{stage} {time.monotonic()}\n")


def _words(options: TrainOptions, minutes: float, epochs: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [f"w{k}" for k in rng.zipf(1.3, 6_000) % 2_000]
    corpus = Corpus.from_texts([" ".join(drawn[k : k + 20]) for k in range(0, len(drawn), 20)])
    settings = WordsSettings(
        embedding_size=16,
        units=16,
        streams=8,
        window=20,
        epochs=epochs or 2,
        min_steps=1,
        valid_fraction=0.2,
        kneser_ney=True,
        vocabulary=1_000,
        minutes=minutes,
        patience=0 if epochs else WordsSettings().patience,
    )
    words.train_words(corpus, settings, options)


def _labels(options: TrainOptions, minutes: float, epochs: int) -> None:
    chance = random.Random(0)

    def text(label: str) -> str:
        drawn = [
            chance.choice(["film", "plot", "scene", label, f"w{chance.randrange(300)}"])
            for _ in range(12)
        ]
        return " ".join([*drawn, f"n{chance.random()}"])

    names = ["bad", "good"] * 80
    examples = Examples([text(name) for name in names], names, name="made up")
    changes = {
        "units": 8,
        "embedding_size": 8,
        "length": 20,
        "batch_size": 8,
        "epochs": epochs or 2,
        "minutes": minutes,
        "folds": 0 if epochs else 3,
    }
    settings = with_changes(LABELS_PRESETS["base"], changes)
    unlabelled = [text(chance.choice(["bad", "good"])) for _ in range(60)]
    split = make_split(examples, unlabelled=unlabelled)
    labels.train_labels(split, settings, options)
