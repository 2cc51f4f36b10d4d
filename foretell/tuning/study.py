"""The study: every trial in one file, which only the driver writes, and which Optuna reads.

It is a journal of Optuna's (JSON Lines, each line synced), so that `optuna.load_study` and optuna-dashboard
open it too. The first line of a search records what was asked for; another request is refused.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.errors import RunError
from foretell.machine import require
from foretell.tuning.objective import Objective
from foretell.tuning.space import Changes, Space
from foretell.tuning.trials import State, TrialRecord

if TYPE_CHECKING:
    from optuna.study import Study as OptunaStudy
    from optuna.trial import FrozenTrial, Trial

INSTALL = "pip install 'foretell[tune]'"
STUDY = "study.journal"
_NAME = "foretell"
_REQUEST, _LATENCY, _CHANGES, _KEPT = "request", "latency", "changes", "kept"
_SIZE = "size"

# Trials that Optuna compares others with before it prunes or models anything, and the tenths of a training
# before which it prunes none.
_BEFORE_PRUNING, _WARM_UP_TENTHS, _BEFORE_MODEL = 4, 3, 6
_MIN_FOR_IMPORTANCE = 6


def require_tuning() -> None:
    """Check that Optuna is installed, without importing it.

    Raises:
        MissingExtraError: it is not; `fix` is the command that installs it.
    """
    require(("optuna",), "tune", INSTALL)


class Study:
    """The trials of one search. Made by `Study.open`; only one process may have it open.

    Attributes:
        space: what is searched.
        objective: what is optimized.
    """

    def __init__(self, study: OptunaStudy, space: Space, objective: Objective) -> None:
        self.space, self.objective = space, objective
        self._study = study
        self._running: dict[int, Trial] = {}

    @classmethod
    def open(
        cls, path: Path, request: Mapping[str, Any], space: Space, objective: Objective, seed: int
    ) -> Study:
        """Open the study of a file, or start one there.

        Trials that were running when the process before ended are recorded as failed and tried again.

        Args:
            path: the file.
            request: what decides the figures: data, metric, preset and settings. JSON must hold it.
            space: what is searched.
            objective: what is optimized.
            seed: of the sampler.

        Raises:
            MissingExtraError: Optuna is not installed.
            RunError: the file is of another request, or not a study.
        """
        require_tuning()
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        _cut_torn_line(path)
        try:
            study = optuna.create_study(
                storage=_storage(path),
                study_name=_NAME,
                sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=_BEFORE_MODEL),
                pruner=optuna.pruners.MedianPruner(_BEFORE_PRUNING, _WARM_UP_TENTHS),
                direction="maximize" if objective.is_higher_better else "minimize",
                load_if_exists=True,
            )
            known = study.user_attrs.get(_REQUEST)
        except Exception as error:
            raise RunError(
                expected="a study that foretell tune wrote", found="a file that Optuna cannot read",
                where=str(path), fix="choose another --out",
            ) from error  # fmt: skip
        asked = json.loads(json.dumps(request))
        if known is None:
            study.set_user_attr(_REQUEST, asked)
            for changes in space.first:
                study.enqueue_trial(space.point(changes))
        else:
            _check_same(known, asked, path.parent)
        opened = cls(study, space, objective)
        opened._take_up()
        return opened

    def ask(self) -> tuple[int, Changes]:
        """Return the number of the next trial and its settings that differ from the preset's."""
        trial = self._study.ask()
        changes = self.space.suggest(trial)
        trial.set_user_attr(_CHANGES, changes)
        self._running[trial.number] = trial
        return trial.number, changes

    def should_stop(self, number: int, tenth: int, value: float) -> bool:
        """Record a validation figure of a running trial, and return whether the trial is to be pruned.

        The preset never is. Others are where the figure is worse than the median of the trials before, at the
        same tenth of the training.
        """
        trial = self._running[number]
        with warnings.catch_warnings():
            # A tenth that was reported already: epochs can be shorter than that.
            warnings.simplefilter("ignore")
            trial.report(value, tenth)
        return bool(trial.user_attrs[_CHANGES]) and trial.should_prune()

    def complete(self, record: TrialRecord, over_mb: float | None) -> None:
        """Record the end of a trial.

        Args:
            record: the trial, with its value.
            over_mb: megabytes by which its model is larger than allowed (below 0: smaller); None: any may be.
        """
        from optuna.trial import TrialState

        trial = self._running.pop(record.number)
        kept = {
            "seconds": record.seconds, "size_mb": record.size_mb, "figures": record.figures,
            "is_limited": record.is_limited, "error": record.error,
        }  # fmt: skip
        trial.set_user_attr(_KEPT, kept)
        if over_mb is not None:
            trial.set_constraint(_SIZE, over_mb)
        if record.state == "complete":
            self._study.tell(trial, record.value)
        else:
            self._study.tell(trial, state=TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL)

    def give_back(self, number: int) -> None:
        """Record a running trial as interrupted, and try it again later."""
        trial = self._running.pop(number)
        self._interrupted(trial.number, trial.params)

    def set_latency(self, measured: Mapping[int, float]) -> None:
        """Record the milliseconds of one prediction by the models of some trials."""
        before = self._study.user_attrs.get(_LATENCY, {})
        self._study.set_user_attr(_LATENCY, {**before, **{str(n): ms for n, ms in measured.items()}})

    def records(self) -> tuple[TrialRecord, ...]:
        """Return every trial, by number. Those that wait to be tried are left out."""
        latency = self._study.user_attrs.get(_LATENCY, {})
        found = (_record(trial) for trial in self._study.get_trials(deepcopy=False))
        return tuple(replace(each, ms=latency.get(str(each.number))) for each in found if each is not None)

    def importance(self) -> dict[str, float]:
        """Return how much each searched setting decides whether a trial is a good one; the sum is 1.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023), without the other settings' influence. Empty where
        fewer than six trials are complete.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
        from optuna.trial import TrialState

        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _MIN_FOR_IMPORTANCE:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator())
        return dict(found)

    def _take_up(self) -> None:
        """Record trials of a process that ended as failed, and try them again."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._interrupted(trial.number, trial.params)

    def _interrupted(self, number: int, params: Mapping[str, Any]) -> None:
        from optuna.trial import TrialState

        self._study.tell(number, state=TrialState.FAIL)
        # Of a process that was killed while it asked, some values are missing: they are drawn again.
        if params:
            self._study.enqueue_trial(dict(params))


def _record(trial: FrozenTrial) -> TrialRecord | None:
    states: dict[str, State] = {
        "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running",
    }  # fmt: skip
    if trial.state.name not in states:
        return None
    kept = trial.user_attrs.get(_KEPT)
    state = states[trial.state.name]
    if kept is None:
        kept = {"error": "interrupted"} if state == "failed" else {}
    value = trial.value if state == "complete" else None
    return TrialRecord(
        number=trial.number, state=state, value=value, changes=trial.user_attrs.get(_CHANGES, {}), **kept
    )


def _storage(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def _cut_torn_line(path: Path) -> None:
    """Remove a last line that a killed process has not finished; Optuna would refuse the file."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def _check_same(known: Mapping[str, Any], asked: Mapping[str, Any], out: Path) -> None:
    """Check that a study is continued with what it was started with.

    Raises:
        RunError: it is not; the first part that differs is named.
    """
    for name, was, now in _differences(known, asked):
        raise RunError(
            expected=f"the {name} that the study here was started with ({was})",
            found=now,
            where=str(out),
            fix="choose another --out",
        )


def _differences(known: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in asked:
        was, now = known.get(name), asked[name]
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            names = [each for each in {**was, **now} if was.get(each) != now.get(each)]
            was, now = (", ".join(f"{each}={part.get(each)}" for each in names) for part in (was, now))
        if name == "data":
            was, now = f"SHA-256 {str(was)[:12]}…", f"other data (SHA-256 {str(now)[:12]}…)"
        yield name, str(was), str(now)
