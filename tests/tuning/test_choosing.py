"""The choice: within the limits, and the preset where chance may explain the gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foretell.errors import RunError
from foretell.tuning.answers import Answers
from foretell.tuning.choosing import Chosen, Limits, candidates, choose
from foretell.tuning.driver import trial_folder
from foretell.tuning.objective import objective
from foretell.tuning.trials import TrialRecord

ACCURACY = objective("accuracy")


def trial(number: int, value: float, *, size_mb: float = 1.0, ms: float | None = None) -> TrialRecord:
    changes = {"units": 32 * number} if number else {}
    return TrialRecord(
        number=number, state="complete", value=value, changes=changes, size_mb=size_mb, ms=ms,
        figures={"measured_words": 10_000.0},
    )  # fmt: skip


def save(folder: Path, number: int, right: list[bool]) -> float:
    """Write the answers of a trial; return its accuracy."""
    where = trial_folder(folder, number)
    where.mkdir(parents=True)
    targets = np.arange(len(right)) % 2
    predicted = np.where(right, targets, 1 - targets)
    Answers(targets, np.eye(2, dtype=np.float32)[predicted] * 0.6 + 0.2).save(where)
    return float(np.mean(right))


def chosen_of(folder: Path, *rows: list[bool]) -> Chosen:
    trials = [trial(number, save(folder, number, row)) for number, row in enumerate(rows)]
    ranked = candidates(trials, ACCURACY, Limits())
    return choose(ranked, trials, {}, ACCURACY, Limits(), folder)


def test_a_trial_that_is_clearly_better_replaces_the_preset(tmp_path: Path) -> None:
    found = chosen_of(tmp_path, [True, False] * 100, [True] * 190 + [False] * 10)
    assert (found.trial.number, found.beats_preset) == (1, True)
    assert "trial 1 is better than the preset by 45.00 points, more than" in found.reason


def test_the_preset_is_kept_where_chance_may_explain_the_gain(tmp_path: Path) -> None:
    found = chosen_of(tmp_path, [True, False] * 100, [True, False] * 99 + [True, True])
    assert (found.trial.number, found.best.number, found.beats_preset) == (0, 1, False)
    assert "by 0.50 points, no more than" in found.reason
    assert found.reason.endswith("the preset is kept")


def test_the_preset_that_is_best_is_the_result(tmp_path: Path) -> None:
    found = chosen_of(tmp_path, [True] * 10, [True, False] * 5)
    assert (found.trial.number, found.beats_preset) == (0, False)
    assert "the preset's accuracy of 100.00 % is the best" in found.reason


def test_without_answers_the_preset_is_kept(tmp_path: Path) -> None:
    trials = [trial(0, 0.5), trial(1, 0.9)]
    found = choose(trials[::-1], trials, {}, ACCURACY, Limits(), tmp_path)
    assert found.trial.number == 0


def test_a_perplexity_is_compared_by_a_rule_of_thumb(tmp_path: Path) -> None:
    aim = objective("perplexity")
    for better, number in ((99.0, 0), (90.0, 1)):
        trials = [trial(0, 100.0), trial(1, better)]
        found = choose(candidates(trials, aim, Limits()), trials, {}, aim, Limits(), tmp_path)
        assert found.trial.number == number
        assert "2 / √tokens" in found.reason


def test_a_large_model_is_not_a_candidate(tmp_path: Path) -> None:
    save(tmp_path, 0, [True, False])
    trials = [trial(0, 0.5, size_mb=2), trial(1, 0.9, size_mb=9)]
    assert [each.number for each in candidates(trials, ACCURACY, Limits(model_mb=3))] == [0]


def test_a_preset_beyond_the_limits_is_not_compared(tmp_path: Path) -> None:
    trials = [trial(0, 0.9, size_mb=9), trial(1, 0.5, size_mb=2)]
    ranked = candidates(trials, ACCURACY, Limits(model_mb=3))
    found = choose(ranked, trials, {}, ACCURACY, Limits(model_mb=3), tmp_path)
    assert (found.trial.number, found.beats_preset) == (1, False)
    assert "not within the limits" in found.reason


def test_a_size_that_no_model_has_is_an_error() -> None:
    with pytest.raises(
        RunError, match=r"found none; the smallest has 2.00 MB \(the preset\); allow more"
    ) as caught:
        candidates([trial(0, 0.5, size_mb=2), trial(1, 0.9, size_mb=9)], ACCURACY, Limits(model_mb=1))
    assert caught.value.where == "max-model-mb"


def test_a_speed_that_no_model_has_is_an_error(tmp_path: Path) -> None:
    trials = [trial(0, 0.5), trial(1, 0.9)]
    with pytest.raises(RunError, match=r"0.1 ms among the best 2, found none; the fastest takes 0.50 ms"):
        choose(trials, trials, {0: 0.5, 1: 2.0}, ACCURACY, Limits(ms=0.1), tmp_path)


def test_a_slow_model_is_not_chosen(tmp_path: Path) -> None:
    trials = [trial(0, 0.5), trial(1, 0.9)]
    found = choose(trials[::-1], trials, {0: 0.5, 1: 2.0}, ACCURACY, Limits(ms=1.0), tmp_path)
    assert found.trial.number == 0


def test_no_complete_trial_is_an_error() -> None:
    failed = TrialRecord(number=0, state="failed", error="interrupted")
    with pytest.raises(RunError, match=r"ends within the time limit, found none \(interrupted\); allow more"):
        candidates([failed], ACCURACY, Limits())
