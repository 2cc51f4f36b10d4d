"""A training on a made-up corpus that sends itself a signal when a stage has begun, and notes the moment."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import Interrupted
from foretell.training import run
from foretell.training.options import TrainOptions
from foretell.training.words import data, kneser_ney_fit, train
from foretell.training.words.loop import Loop

# The stage, where its function stands, and the seconds after which the signal is sent.
STAGES: dict[str, tuple[Any, str, float]] = {
    "vocabulary": (data.Tokenizer, "train", 0.05),
    "tokens": (data, "write_tokens", 0.0),
    "kneser-ney": (kneser_ney_fit, "count", 0.3),
    "network": (Loop, "train", 1.0),
    "validation": (Loop, "evaluate", 0.05),
    "interpolation": (train, "interpolate", 0.0),
    "writing": (run, "write_model", 0.0),
}
WORDS = {"vocabulary": 400_000, "tokens": 400_000, "slow step": 400_000}


def _count_for_ten_seconds(*_: Any, **__: Any) -> Any:
    """Count more text than the corpus has."""
    ids = np.random.default_rng(0).integers(0, 30_000, 5_000_000, np.int32)
    return _count(ids, 30_000)


_count = kneser_ney_fit.count


def main(stage: str, number: int, out: str, resume: bool) -> int:
    """Train; return the exit code of an interruption, whose error is printed.

    Args:
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

    if stage in STAGES:
        owner, name, seconds = STAGES[stage]
        function = _count_for_ten_seconds if stage == "kneser-ney" else getattr(owner, name)
        setattr(owner, name, later(seconds, function))
    elif stage == "slow step":
        Loop._step = slow_step  # type: ignore[method-assign]
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in rng.zipf(1.2, WORDS.get(stage, 100_000)) % 5_000]
    corpus = Corpus.from_texts([" ".join(words[k : k + 20]) for k in range(0, len(words), 20)])
    settings = WordsSettings(
        embedding_size=32, units=32, streams=8, epochs=50 if stage in ("network", "slow step") else 1,
        min_steps=1, valid_fraction=0.1, kneser_ney=True, max_ngrams=20_000, vocabulary=2_000,
        window=35 if stage == "network" else 200,
    )  # fmt: skip
    try:
        train.train_words(corpus, settings, TrainOptions(out=Path(out), resume=resume))
    except Interrupted as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code
    return 0
