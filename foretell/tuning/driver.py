"""The driver: hands trials to workers, records what they send, and prunes. It alone writes the study."""

from __future__ import annotations

import contextlib
import queue
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.config import Settings, to_dict, with_changes
from foretell.errors import Interrupted, RunError, SettingsError
from foretell.training.events import EpochDone
from foretell.training.interrupt import Interrupt
from foretell.tuning.clock import Clock
from foretell.tuning.events import Searching, SearchListener, TrialEnded
from foretell.tuning.objective import Objective
from foretell.tuning.processes import Inbox, Message, Worker, Workers
from foretell.tuning.space import Changes
from foretell.tuning.study import Study
from foretell.tuning.training import MODEL
from foretell.tuning.trials import Task, TrialRecord

KEPT_MODELS = 12
"""Models of so many trials are kept on disk, the best ones; the preset's always."""

_WAIT_SECONDS = 0.2
_SHOW_SECONDS = 0.5
_NO_FIGURE = "no validation figure: too little data to set some aside; give --valid"
_MAX_DEATHS = 3
"""Workers in a row that end without a trial that is complete, before the search gives up."""


@dataclass
class _Running:
    """A trial at a worker."""

    number: int
    changes: Changes
    began: float
    done: float = 0.0
    is_pruned: bool = False


class Driver:
    """Runs the trials of a study until the time is over.

    Args:
        study: the study.
        settings: the preset.
        preset: its name.
        workers: where trials run.
        clock: the time limit.
        folder: where each trial has a folder.
        fixed: the user's own settings, which every trial has.
        max_model_mb: megabytes that a model may have; None: any.
        max_trials: ends after so many trials that are complete or pruned; None: the time decides.
        listener: is called with each event.
    """

    def __init__(
        self,
        study: Study,
        settings: Settings,
        preset: str,
        workers: Workers,
        clock: Clock,
        folder: Path,
        *,
        fixed: Mapping[str, Any],
        max_model_mb: float | None,
        max_trials: int | None,
        listener: SearchListener,
    ) -> None:
        self._fixed = fixed
        self._study, self._settings, self._preset = study, settings, preset
        self._workers, self._clock, self._folder = workers, clock, folder
        self._max_mb, self._max_trials, self._listener = max_model_mb, max_trials, listener
        self._inbox: Inbox = queue.SimpleQueue()
        self._places: dict[int, Worker] = {}
        self._ready: set[Worker] = set()
        self._running: dict[Worker, _Running] = {}
        self._deaths = 0
        self._shown = 0.0

    def run(self) -> None:
        """Run trials until the time is over or enough of them have ended.

        Raises:
            Interrupted: Ctrl-C or another signal; what ran is tried again by the same command.
            RunError: the preset cannot be trained, or workers end again and again.
        """
        with Interrupt() as interrupt:
            try:
                with interrupt.deferred():
                    while not self._is_over() and not interrupt.requested:
                        self._start_workers()
                        self._hand_out()
                        self._take()
                        self._show()
            except Interrupted as error:
                ended = sum(each.state != "running" for each in self._study.records())
                raise _interrupted(ended, self._folder.parent, interrupt.exit_code()) from error
            finally:
                with interrupt.deferred() if not interrupt.requested else contextlib.nullcontext():
                    self._stop()

    def _is_over(self) -> bool:
        if self._running:
            return self._clock.is_over()
        return not self._wants_another()

    def _wants_another(self) -> bool:
        """Whether another trial is to be started."""
        records = self._study.records()
        ended = [each for each in records if each.state in ("complete", "pruned")]
        if self._max_trials is not None and len(ended) + len(self._running) >= self._max_trials:
            return False
        complete = [each.seconds for each in records if each.state == "complete"]
        return self._clock.left() > 0 and self._clock.allows_another(complete)

    def _start_workers(self) -> None:
        wanted = self._workers.count
        if self._max_trials is not None:
            wanted = min(wanted, self._max_trials)
        for place in range(wanted):
            if place not in self._places and self._wants_another():
                self._places[place] = self._workers.start(place, self._inbox)

    def _hand_out(self) -> None:
        for worker in sorted(self._ready, key=lambda each: each.name):
            while self._wants_another():
                number, changes = self._study.ask()
                try:
                    settings = with_changes(self._settings, {**self._fixed, **changes})
                except SettingsError as error:
                    self._end(TrialRecord(number=number, state="failed", changes=changes, error=str(error)))
                    continue
                task = Task(
                    number=number,
                    settings=to_dict(settings),
                    preset=self._preset,
                    seconds=self._clock.left(),
                    folder=str(trial_folder(self._folder, number)),
                )
                self._ready.discard(worker)
                self._running[worker] = _Running(number, changes, time.monotonic())
                worker.send(task.message())
                break

    def _take(self) -> None:
        """Take what workers have sent, and wait a moment where there is nothing."""
        try:
            worker, message = self._inbox.get(timeout=_WAIT_SECONDS)
            while True:
                self._take_one(worker, message)
                worker, message = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _take_one(self, worker: Worker, message: Message | None) -> None:
        if worker not in self._places.values():
            return
        if message is None:
            self._died(worker)
        elif message["event"] == "ready":
            self._ready.add(worker)
        elif message["event"] == "figure":
            self._figure(worker, message)
        else:
            self._ended(worker, message)

    def _figure(self, worker: Worker, message: Message) -> None:
        running = self._running.get(worker)
        if running is None or running.number != message["number"] or running.is_pruned:
            return
        running.done = message["tenth"] / 10
        event = EpochDone(
            epoch=message["epoch"], epochs=message["epoch"], step=0, loss=0.0, accuracy=0.0,
            valid_accuracy=message["valid_accuracy"], valid_loss=message["valid_loss"],
        )  # fmt: skip
        value = self._study.objective.progress(event)
        if value is not None and self._study.should_stop(running.number, message["tenth"], value):
            running.is_pruned = True
            worker.send({"do": "prune", "number": running.number})

    def _ended(self, worker: Worker, message: Message) -> None:
        running = self._running.pop(worker)
        self._ready.add(worker)
        self._deaths = 0
        figures = message.get("figures", {})
        value = self._study.objective.value(figures)
        state, error = message["event"], message.get("error", "")
        if state == "done" and value is None:
            state, error = "failed", f"{_NO_FIGURE} ({self._study.objective.key})"
        record = TrialRecord(
            number=running.number,
            state="complete" if state == "done" else state,
            value=value if state == "done" else None,
            changes=running.changes,
            seconds=message["seconds"],
            size_mb=message.get("size_mb"),
            figures=figures,
            is_limited=message["is_limited"],
            error=error,
        )
        self._end(record)
        if record.state == "failed" and record.is_preset and not complete(self._study.records()):
            raise RunError(expected="the preset to train", found=error, where=f"trial {record.number}")

    def _died(self, worker: Worker) -> None:
        """Record the trial of a worker that has ended as failed; its place is filled again."""
        worker.stop()
        self._places = {place: each for place, each in self._places.items() if each is not worker}
        self._ready.discard(worker)
        self._deaths += 1
        if running := self._running.pop(worker, None):
            seconds = time.monotonic() - running.began
            error = "the worker died (killed, or out of memory)"
            self._end(
                TrialRecord(
                    number=running.number, state="failed", changes=running.changes,
                    seconds=round(seconds, 2), error=error,
                )
            )  # fmt: skip
        if self._deaths >= _MAX_DEATHS:
            raise RunError(
                expected="workers that stay alive",
                found=f"{self._deaths} in a row that ended",
                fix=f"see {self._folder.parent / 'workers.log'}; fewer --workers need less memory",
            )

    def _end(self, record: TrialRecord) -> None:
        over = None
        if self._max_mb is not None and record.size_mb is not None:
            over = record.size_mb - self._max_mb
        self._study.complete(record, over)
        records = self._study.records()
        first = best(records, self._study.objective)
        self._listener(
            TrialEnded(trial=record, best=first, is_best=first is not None and first.number == record.number)
        )
        self._delete_models(records)

    def _delete_models(self, records: Iterable[TrialRecord]) -> None:
        """Delete the models of trials that will not be chosen."""
        ranked = ranking(records, self._study.objective, self._max_mb)
        kept = {each.number for each in ranked[:KEPT_MODELS]}
        for each in complete(records):
            if each.number not in kept and not each.is_preset:
                # The answers stay: the choice at the end compares every trial.
                shutil.rmtree(trial_folder(self._folder, each.number) / MODEL, ignore_errors=True)

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown < _SHOW_SECONDS:
            return
        self._shown = now
        records = self._study.records()
        running = [(each.number, each.done) for each in self._running.values()]
        self._listener(
            Searching(
                seconds=self._clock.seconds(),
                limit=self._clock.limit,
                ended=sum(each.state != "running" for each in records),
                running=tuple(sorted(running)),
                best=best(records, self._study.objective),
            )
        )

    def _stop(self) -> None:
        """End every worker; their trials are given back."""
        for worker in self._places.values():
            worker.stop()
        for running in self._running.values():
            self._study.give_back(running.number)
            shutil.rmtree(trial_folder(self._folder, running.number), ignore_errors=True)
        self._places, self._running, self._ready = {}, {}, set()


def trial_folder(folder: Path, number: int) -> Path:
    """Return where a trial writes."""
    return folder / f"{number:04d}"


def complete(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the trials with a value."""
    return [each for each in records if each.state == "complete" and each.value is not None]


def ranking(
    records: Iterable[TrialRecord], objective: Objective, max_model_mb: float | None = None
) -> list[TrialRecord]:
    """Return the complete trials whose models are small enough, the best first; of equal ones the first."""

    def key(record: TrialRecord) -> tuple[float, int]:
        assert record.value is not None
        return (-record.value if objective.is_higher_better else record.value), record.number

    small = [
        each
        for each in complete(records)
        if max_model_mb is None or (each.size_mb is not None and each.size_mb <= max_model_mb)
    ]
    return sorted(small, key=key)


def best(records: Iterable[TrialRecord], objective: Objective) -> TrialRecord | None:
    """Return the best complete trial; None: there is none."""
    ranked = ranking(records, objective)
    return ranked[0] if ranked else None


def _interrupted(trials: int, out: Path, exit_code: int) -> Interrupted:
    error = Interrupted(
        expected="the search to go on to its end",
        found=f"an interruption after {trials} {'trial' if trials == 1 else 'trials'}; the study is saved",
        where=str(out),
        fix="the same command continues it",
    )
    error.exit_code = exit_code
    return error
