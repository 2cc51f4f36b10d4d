"""`tune`: search the settings of a training, and keep the best model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from foretell.presets import DEFAULT_PRESET
from foretell.tuning.choosing import Limits
from foretell.tuning.events import SearchListener
from foretell.tuning.inputs import data_in_memory
from foretell.tuning.objective import Metric, objective
from foretell.tuning.progress import shown
from foretell.tuning.result import Tuned
from foretell.tuning.search import Request, search
from foretell.tuning.study import require_tuning


def tune(
    data: Any,
    y: Any = None,
    *,
    minutes: float,
    out: str | Path,
    metric: Metric = "macro_f1",
    preset: str = DEFAULT_PRESET,
    valid: Any = None,
    unlabelled: Any = None,
    vectors: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
    max_model_mb: float | None = None,
    max_ms: float | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    trials: int | None = None,
    verbose: int = 0,
    listener: SearchListener | None = None,
    **settings: Any,
) -> Tuned:
    """Search the settings of a classifier or a language model, and keep the best model.

    The first trial is the preset. The next ones change one setting each; from then on Optuna's sampler
    chooses. Trials are compared on validation data alone, never on test data: on out-of-fold predictions or
    the validation texts, as every training measures itself. The preset is kept unless the best trial beats it
    by more than chance (`Tuned.chosen.reason`). The same call continues the study in `out`, also after an
    interruption.

    >>> found = foretell.tune("reviews.csv", minutes=20, out="tuned")
    >>> found.chosen.reason, found.command
    >>> clf = found.load()

    Args:
        data: texts with labels as `TextClassifier.fit` takes them; for the metric "perplexity" plain text as
            `LanguageModel.train` takes it.
        y: the label of each text, [text]; None: `data` has the labels. The model's labels are strings.
        minutes: time limit of the whole call, the model and the report included.
        out: the folder for model/ (the model directory), report.html and the study.
        metric: "macro_f1", "accuracy" or "log_loss" for a classifier, "perplexity" for a language model.
        preset: the configuration that the search starts from.
        valid: a validation set, as for `fit` or `train`; None: each trial sets texts aside as the preset
            does.
        unlabelled: more texts without labels (classifiers).
        vectors: word vectors from other texts: a file, or "glove" (classifiers).
        text, label: the names of the columns of `data`; None: chosen where they are clear.
        max_model_mb: megabytes that the model directory may have.
        max_ms: milliseconds that one prediction may take on one thread of this machine.
        workers: trials at a time, each in a process with its share of the processors; None: half as many as
            there are processors, at least one.
        cluster: "local", "auto" or HOST:PORT: run trials on Ray instead (needs `foretell[cluster]`).
        trials: end after so many trials, those of earlier calls included; None: the time decides.
        verbose: 0 shows nothing; 1 shows each trial.
        listener: is called with each event (`foretell.tuning.events`).
        **settings: settings that are fixed, such as `seed=2` or `units=64`; they are not searched.

    Raises:
        MissingExtraError: Optuna (`pip install 'foretell[tune]'`) or TensorFlow is not installed.
        SettingsError: no such preset, metric or setting, or a value out of range.
        UsageError: data of the other job than the metric's, no validation data, nothing left to search, or
            more workers than processors.
        DataError: the data cannot be read or learned from.
        RunError: `out` has a study of other data or settings; no trial is complete, or none is within
            `max_model_mb` and `max_ms`.
        Interrupted: Ctrl-C or another signal; the same call continues the study.
    """
    started = time.monotonic()
    require_tuning()
    aim = objective(metric)
    request = Request(
        objective=aim,
        out=Path(out),
        minutes=minutes,
        preset=preset,
        fixed=settings,
        limits=Limits(model_mb=max_model_mb, ms=max_ms),
        workers=workers,
        cluster=cluster,
        trials=trials,
        vectors=None if vectors is None else str(vectors),
        started=started,
    )
    chosen = request.settings
    read = data_in_memory(aim, data, y, valid, unlabelled, text, label)
    read.check(chosen)
    with shown(verbose, aim, listener) as show:
        return search(read, request, show)
