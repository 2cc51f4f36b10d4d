"""The latency of one prediction, measured alone on one thread after the trials have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from foretell.config import Job
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

_WARM_UP = 3
_MAX_SECONDS = 1.0
_NEXT_WORDS = 5


def latency_ms(model: Path, job: Job, texts: Sequence[str]) -> float:
    """Return the median milliseconds of one prediction: the label of a text, or the next words of one.

    Args:
        model: a model directory.
        job: its job.
        texts: texts to predict for, one at a time, for at most a second; at least one.

    Raises:
        ArtifactError: the model directory cannot be trusted.
    """
    predict = _predictor(model, job)
    for text in texts[:_WARM_UP]:
        predict(text)
    taken: list[float] = []
    began = time.perf_counter()
    for text in texts:
        start = time.perf_counter()
        predict(text)
        taken.append(1000 * (time.perf_counter() - start))
        if time.perf_counter() - began > _MAX_SECONDS:
            break
    return median(taken)


def _predictor(model: Path, job: Job) -> Callable[[str], object]:
    if job == "labels":
        classifier = LabelsRuntime.open(model, threads=1)
        return lambda text: classifier.predict_proba([text])
    predictor = WordsRuntime.open(model, threads=1)
    return lambda text: predictor.next(text, _NEXT_WORDS)
