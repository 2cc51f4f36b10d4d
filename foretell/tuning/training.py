"""One trial: a training with its figures reported while it runs. Runs in the process of a worker."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from foretell.artifacts.manifest import MANIFEST, RUN
from foretell.config import LabelsSettings, Settings, WordsSettings, from_dict
from foretell.training.events import EpochDone, Event
from foretell.training.options import TrainOptions
from foretell.tuning.answers import Answers, recorded
from foretell.tuning.data import Data, LabelsData
from foretell.tuning.trials import Task

MODEL = "model"
TENTHS = 10
_KEPT_FIGURES = (
    "accuracy", "macro_f1", "valid_loss", "calibration_error", "perplexity", "valid_perplexity",
    "bits_per_byte", "network_accuracy", "linear_accuracy", "network_perplexity", "steps", "epochs",
    "measured_words", "measured_tokens", "valid_texts",
)  # fmt: skip
# A training that ends this close to its time limit was probably shortened by it.
_SHORTENED = 0.9

Send = Callable[[dict[str, Any]], None]


class Pruned(Exception):  # noqa: N818 - not a failure
    """The driver has stopped the trial."""


def run_trial(
    task: Task, data: Data, send: Send, is_pruned: Callable[[], bool], vectors: str | None = None
) -> dict[str, Any]:
    """Train a model and return the message about its end.

    Args:
        task: what is trained; the model directory is written to `model` in its folder.
        data: what is learned from.
        send: is called with the validation figures at the end of each epoch.
        is_pruned: whether the driver has stopped the trial; asked at each event of the training.
        vectors: a file of word vectors, or "glove"; None: no vectors.

    Returns:
        The event "done", "pruned" or "failed", with what the driver records.
    """
    folder = Path(task.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    end: dict[str, Any] = {"number": task.number}
    try:
        found = _train(task, data, _listener(task.number, send, is_pruned), vectors)
    except Pruned:
        end["event"] = "pruned"
    except Exception as error:
        message = " ".join(str(error).split())
        end |= {"event": "failed", "error": message or type(error).__name__}
    else:
        end |= {"event": "done", **found}
    seconds = time.monotonic() - began
    end |= {"seconds": round(seconds, 2), "is_limited": seconds > _SHORTENED * task.seconds}
    if end["event"] != "done":
        shutil.rmtree(folder, ignore_errors=True)
    return end


def _train(task: Task, data: Data, listener: Callable[[Event], None], vectors: str | None) -> dict[str, Any]:
    folder, job = Path(task.folder), data.job
    settings: Settings = from_dict(job, task.settings)
    # The preset's own limit stays where it is the shorter one.
    minutes = min(settings.minutes or math.inf, task.seconds / 60)
    settings = replace(settings, minutes=minutes)
    options = TrainOptions(
        out=folder / MODEL, preset=task.preset, restart=True, baseline=False, listener=listener
    )
    metrics: Mapping[str, Any]
    if isinstance(data, LabelsData):
        from foretell.training.labels.train import train_labels

        answers: list[Answers] = []
        labels = cast(LabelsSettings, settings)
        with recorded(answers):
            metrics = train_labels(data.split(labels), labels, options, vectors=vectors).metrics
        if answers:
            answers[-1].save(folder)
    else:
        from foretell.training.words.train import train_words

        words = cast(WordsSettings, settings)
        metrics = train_words(data.corpus, words, options, valid=data.valid).metrics
    return {"figures": _figures(metrics), "size_mb": _megabytes(folder / MODEL)}


def _listener(number: int, send: Send, is_pruned: Callable[[], bool]) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if is_pruned():
            raise Pruned
        if isinstance(event, EpochDone):
            tenth = math.ceil(TENTHS * event.epoch / max(event.epochs, event.epoch))
            send({
                "event": "figure", "number": number, "tenth": tenth, "epoch": event.epoch,
                "valid_accuracy": event.valid_accuracy, "valid_loss": event.valid_loss,
            })  # fmt: skip

    return listen


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    if str(metrics.get("measured_on", "")).startswith("training text"):
        return {}
    return {name: float(metrics[name]) for name in _KEPT_FIGURES if _is_number(metrics.get(name))}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _megabytes(model: Path) -> float:
    """Return the size of a model directory without run/, in megabytes (10^6 bytes)."""
    assert (model / MANIFEST).is_file()
    files = (path for path in model.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if path.relative_to(model).parts[0] != RUN) / 1e6
