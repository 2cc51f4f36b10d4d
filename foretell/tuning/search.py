"""A search from data to model: the stages one after another."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretell.artifacts.directory import check_writable
from foretell.artifacts.replacement import new_directory, take_place
from foretell.config import Settings, check_one_label, to_dict, with_changes
from foretell.errors import ArtifactError, RunError, SettingsError
from foretell.machine import require_training, usable_processors
from foretell.presets import preset
from foretell.training.run_lock import RunLock
from foretell.tuning.choosing import FEW, Chosen, Limits, candidates, choose, preset_of
from foretell.tuning.clock import Clock
from foretell.tuning.command import call, command
from foretell.tuning.data import Data
from foretell.tuning.driver import Driver, complete, trial_folder
from foretell.tuning.events import SearchListener, SearchNote
from foretell.tuning.latency import latency_ms
from foretell.tuning.objective import Objective
from foretell.tuning.page import REPORT, write_page
from foretell.tuning.processes import ProcessWorkers, Workers, checked_count
from foretell.tuning.result import Tuned
from foretell.tuning.space import Space, space_of
from foretell.tuning.study import STUDY, Study, require_tuning
from foretell.tuning.training import MODEL
from foretell.tuning.trials import TrialRecord

_TRIALS, _DATA, _LOG = "trials", "data", "workers.log"
_SECONDS_TO_WRITE = 3.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a search is asked for.

    Attributes:
        objective: what is optimized.
        out: the folder of the study, the report and the model.
        minutes: time limit of the whole command.
        preset: the name of the preset that the search starts from.
        fixed: the settings that the user gave; they are not searched.
        limits: what a model may need.
        workers: trials at a time; None: half as many as there are processors.
        cluster: "local", "auto" or HOST:PORT of a Ray cluster; None: processes of this machine.
        trials: end after so many trials; None: the time decides.
        vectors: a file of word vectors, or "glove"; None: no vectors.
        sources: the data and its options as the user gave them to the command line; None: data in memory.
        started: when the command began, by `time.monotonic`.

    Raises:
        SettingsError: a number is out of range.
    """

    objective: Objective
    out: Path
    minutes: float
    preset: str = "base"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    workers: int | None = None
    cluster: str | None = None
    trials: int | None = None
    vectors: str | None = None
    sources: Sequence[str] | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        above_0 = {
            "minutes": self.minutes,
            "max-model-mb": self.limits.model_mb,
            "max-ms": self.limits.ms,
            "trials": self.trials,
        }
        for name, value in above_0.items():
            # Written so that NaN fails too.
            if value is not None and not value > 0:
                raise SettingsError(expected="more than 0", found=str(value), where=name)

    @property
    def settings(self) -> Settings:
        """The preset's settings, with the user's own."""
        chosen = with_changes(preset(self.objective.job, self.preset), dict(self.fixed))
        check_one_label(chosen, "tune")
        return chosen


def search(data: Data, request: Request, listener: SearchListener, workers: Workers | None = None) -> Tuned:
    """Search settings, and write the model, the report and the study into `request.out`.

    Args:
        data: what is learned from; checked.
        request: what is asked for.
        listener: is called with each event.
        workers: where trials run; None: as the request has it.

    Raises:
        MissingExtraError: Optuna, or what training needs, is not installed.
        SettingsError, UsageError: settings that exclude each other, nothing to search, too many workers.
        RunError: the study here is of another search; no trial is complete, or none is within the limits.
        ArtifactError: `request.out` holds something else, or cannot be written.
        Interrupted: Ctrl-C or another signal; the same call continues the search.
    """
    require_tuning()
    require_training()
    if workers is None and request.cluster is None:
        checked_count(request.workers, usable_processors())
    settings = request.settings
    space = space_of(settings, request.fixed)
    _make_folder(request.out)
    for text in data.notes(settings):
        listener(SearchNote(text=text))
    with RunLock(request.out / STUDY), _data_folder(data, request.out) as folder:
        study = Study.open(
            request.out / STUDY,
            _decisive(data, request, settings, space),
            space,
            request.objective,
            settings.seed,
        )
        _remove_abandoned(request.out / _TRIALS, study)
        clock = Clock(request.minutes, request.started)
        with _workers(workers, request, folder, listener) as chosen_workers:
            _announce(chosen_workers, space, study, listener)
            Driver(
                study,
                preset(request.objective.job, request.preset),
                request.preset,
                chosen_workers,
                clock,
                request.out / _TRIALS,
                fixed=request.fixed,
                max_model_mb=request.limits.model_mb,
                max_trials=request.trials,
                listener=listener,
            ).run()
        return _finish(data, request, study, clock, listener)


def _make_folder(out: Path) -> None:
    """Make the folder of a search, or find that of an earlier one.

    Raises:
        ArtifactError: something else is there, or it cannot be written.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / STUDY).exists())):
        raise ArtifactError(
            expected="a new folder, or that of a study", found="something else", where=str(out),
            fix="choose another --out",
        )  # fmt: skip
    check_writable(out / MODEL)
    try:
        (out / _TRIALS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = error.strerror or str(error)
        raise ArtifactError(expected="a folder that can be written", found=found, where=str(out)) from error


def _remove_abandoned(trials: Path, study: Study) -> None:
    """Delete what trials of a process that was killed have left."""
    kept = {trial_folder(trials, each.number) for each in complete(study.records())}
    for folder in trials.iterdir():
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _data_folder(data: Data, out: Path) -> Iterator[Path]:
    """Yield a folder with the data for the workers; it is deleted at the end, since it holds the texts."""
    folder = out / _DATA
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        data.write(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _decisive(data: Data, request: Request, settings: Settings, space: Space) -> dict[str, Any]:
    """Return what decides the figures of the trials: a study is continued only where it is the same."""
    return {
        "metric": request.objective.metric,
        "data": data.digest(),
        "preset": request.preset,
        "settings": to_dict(settings),
        "searched settings": space.describe(),
        "vectors": request.vectors,
    }


@contextlib.contextmanager
def _workers(
    workers: Workers | None, request: Request, folder: Path, listener: SearchListener
) -> Iterator[Workers]:
    if workers is not None:
        yield workers
    elif request.cluster is None:
        yield ProcessWorkers(request.workers, folder, request.out / _LOG, request.vectors)
    else:
        from foretell.cluster.session import connected
        from foretell.tuning.on_ray import RayWorkers

        with connected(request.cluster) as cluster:
            for text in cluster.notes:
                listener(SearchNote(text=text))
            yield RayWorkers(request.workers, cluster, folder, request.out / _TRIALS, request.vectors)


def _announce(workers: Workers, space: Space, study: Study, listener: SearchListener) -> None:
    names = ", ".join(name.replace("_", " ") for name in space.settings)
    at_once = "1 trial" if workers.count == 1 else f"{workers.count} trials"
    listener(SearchNote(text=f"searching {names}; {at_once} at a time"))
    if before := len(study.records()):
        listener(SearchNote(text=f"continuing a study of {before:,} trials"))


def _finish(data: Data, request: Request, study: Study, clock: Clock, listener: SearchListener) -> Tuned:
    """Measure latencies, choose a trial, and write its model and the report."""
    trials = request.out / _TRIALS
    records = study.records()
    ranked = [
        each
        for each in candidates(records, request.objective, request.limits)
        if (trial_folder(trials, each.number) / MODEL).exists()
    ]
    if not ranked:
        raise RunError(
            expected="the models of the best trials", found="none", where=str(trials),
            fix="choose another --out",
        )  # fmt: skip
    study.set_latency(_latencies(ranked, data, request, trials, clock, listener))
    records = study.records()
    latency = {each.number: each.ms for each in records if each.ms is not None}
    current = {each.number: each for each in records}
    ranked = [current[each.number] for each in ranked]
    chosen = choose(ranked, records, latency, request.objective, request.limits, trials)
    _take_model(trial_folder(trials, chosen.trial.number) / MODEL, request.out / MODEL)
    result = Tuned(
        job=request.objective.job,
        objective=request.objective,
        preset=request.preset,
        data=data.name,
        out=request.out,
        trials=records,
        chosen=chosen,
        importance=study.importance(),
        command=_command(request, chosen),
        seconds=clock.seconds(),
    )
    write_page(result, request.out / REPORT)
    return result


def _latencies(
    ranked: Sequence[TrialRecord],
    data: Data,
    request: Request,
    trials: Path,
    clock: Clock,
    listener: SearchListener,
) -> dict[int, float]:
    """Measure the best few and the preset; where a latency is required, go on until one is fast enough."""
    texts, found = data.sample(), dict[int, float]()
    if ranked[FEW:] or request.limits.ms is not None:
        listener(SearchNote(text="measuring the latency of the best trials"))
    base, limit = preset_of(ranked), request.limits.ms
    first = list(ranked[:FEW]) + ([base] if base is not None and base not in ranked[:FEW] else [])
    rest = [each for each in ranked if each not in first]
    for place, each in enumerate((*first, *rest)):
        is_enough = limit is None or any(ms <= limit for ms in found.values())
        is_late = clock.left_in_all() < _SECONDS_TO_WRITE
        if place >= len(first) and (is_enough or is_late):
            break
        if is_late and found:
            break
        found[each.number] = latency_ms(
            trial_folder(trials, each.number) / MODEL, request.objective.job, texts
        )
    return {number: round(ms, 4) for number, ms in found.items()}


def _take_model(source: Path, target: Path) -> None:
    """Copy the model directory of a trial to its place, whole or not at all."""
    check_writable(target)
    try:
        with new_directory(target) as new:
            shutil.copytree(source, new, dirs_exist_ok=True)
            take_place(new, target)
    except OSError as error:
        found = error.strerror or str(error)
        raise ArtifactError(
            expected="a folder that can be written", found=found, where=str(target)
        ) from error


def _command(request: Request, chosen: Chosen) -> str:
    trial, job = chosen.trial, request.objective.job
    changes = {**request.fixed, **trial.changes}
    if trial.is_limited:
        changes["minutes"] = round(trial.seconds / 60, 2)
    out = request.out.with_name(f"{request.out.name}-model")
    if request.sources is None:
        return call(job, request.preset, changes, out)
    return command(job, request.sources, request.preset, changes, out)
