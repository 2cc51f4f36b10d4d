"""The study: one file that can be continued, and that refuses another search."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from foretell.errors import RunError
from foretell.tuning.study import STUDY, Study
from foretell.tuning.trials import TrialRecord

Open = Callable[..., Study]


def complete(study: Study, value: float, *, over: float | None = None, seconds: float = 1.0) -> TrialRecord:
    """Run the next trial to its end."""
    number, changes = study.ask()
    record = TrialRecord(
        number=number, state="complete", value=value, changes=changes, seconds=seconds, size_mb=1.5,
        figures={"macro_f1": value},
    )  # fmt: skip
    study.complete(record, over)
    return record


def test_the_first_trial_is_the_preset(study: Open) -> None:
    opened = study()
    assert opened.ask() == (0, {})
    assert opened.ask()[1] == {"lowercase": False}


def test_a_study_is_continued_with_every_trial(study: Open, tmp_path: Path) -> None:
    first = study()
    made = [complete(first, value) for value in (0.5, 0.7)]
    again = study()
    assert list(again.records()) == made
    assert again.ask()[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == [STUDY]


def test_optuna_opens_the_file(study: Open, tmp_path: Path) -> None:
    complete(study(), 0.5)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / STUDY))
    storage = optuna.storages.JournalStorage(backend)
    loaded = optuna.load_study(study_name="foretell", storage=storage)
    assert loaded.best_value == 0.5


@pytest.mark.parametrize(
    ("request_now", "message"),
    [
        ({"data": "def"}, "the data that the study here was started with (SHA-256 abc…), found other data"),
        ({"preset": "quick"}, "expected the preset that the study here was started with (base), found quick"),
        (
            {"settings": {"seed": 1, "units": 8}},
            "expected the settings that the study here was started with (units=4), found units=8; choose",
        ),
    ],
)  # fmt: skip
def test_another_search_is_refused(study: Open, request_now: dict[str, object], message: str) -> None:
    whole = {"preset": "base", "settings": {"seed": 1, "units": 4}}
    study(**whole)
    with pytest.raises(RunError, match=re.escape(message)):
        study(**{**whole, **request_now})


def test_a_file_that_is_no_study_is_refused(study: Open, tmp_path: Path) -> None:
    (tmp_path / STUDY).write_text("notes\nof mine\n")
    with pytest.raises(RunError, match="expected a study that foretell tune wrote"):
        study()


def test_a_line_that_a_killed_process_left_unfinished_is_dropped(study: Open, tmp_path: Path) -> None:
    complete(study(), 0.5)
    with (tmp_path / STUDY).open("a") as file:
        file.write('{"op_code": 5, "wor')
    again = study()
    complete(again, 0.6)
    assert [each.value for each in study().records()] == [0.5, 0.6]


def test_a_trial_of_a_process_that_ended_is_tried_again(study: Open) -> None:
    first = study()
    complete(first, 0.5)
    _, lost = first.ask()
    again = study()
    assert [each.state for each in again.records()] == ["complete", "failed"]
    assert again.records()[1].error == "interrupted"
    asked = [again.ask()[1] for _ in range(6)]
    assert lost in asked


def test_a_trial_that_is_given_back_is_tried_again(study: Open) -> None:
    opened = study()
    number, _ = opened.ask()
    opened.give_back(number)
    assert {} in [opened.ask()[1] for _ in range(6)]


def test_a_trial_worse_than_the_median_is_pruned_but_never_the_preset(study: Open) -> None:
    opened = study()
    for value in (0.5, 0.6, 0.7, 0.8):
        number, changes = opened.ask()
        assert not opened.should_stop(number, 5, value)
        opened.complete(TrialRecord(number=number, state="complete", value=value, changes=changes), None)
    number, _ = opened.ask()
    assert not opened.should_stop(number, 2, 0.1)
    assert opened.should_stop(number, 5, 0.55)
    number, changes = opened.ask()
    assert not opened.should_stop(number, 5, 0.75)


def test_the_preset_is_not_pruned_when_it_is_tried_again(study: Open) -> None:
    opened = study()
    lost, _ = opened.ask()
    for value in (0.5, 0.6, 0.7, 0.8, 0.9):
        number, changes = opened.ask()
        opened.should_stop(number, 5, value)
        opened.complete(TrialRecord(number=number, state="complete", value=value, changes=changes), None)
    opened.give_back(lost)
    for _ in range(3):
        number, changes = opened.ask()
        if not changes:
            assert not opened.should_stop(number, 5, 0.1)
            return
    pytest.fail("the preset was not tried again")


def test_importance_is_of_the_searched_settings(study: Open) -> None:
    opened = study()
    for i in range(5):
        complete(opened, 0.5 + i / 100)
    assert opened.importance() == {}
    for i in range(4):
        complete(opened, 0.6 + i / 100)
    found = opened.importance()
    assert set(found) == set(opened.space.settings)
    assert sum(found.values()) == pytest.approx(1)


def test_latencies_are_kept_beside_the_trials(study: Open) -> None:
    opened = study()
    complete(opened, 0.5)
    opened.set_latency({0: 1.25})
    assert study().records()[0].ms == 1.25
