"""What is searched: every range includes the preset, and every point is a valid configuration."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from foretell.config import Settings, with_changes
from foretell.errors import UsageError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS, preset
from foretell.tuning.space import Choice, Range, space_of

PRESETS: list[Settings] = [*LABELS_PRESETS.values(), WORDS_PRESETS["base"], WORDS_PRESETS["best"]]


@pytest.mark.parametrize("settings", PRESETS)
def test_every_range_includes_the_preset(settings: Settings) -> None:
    for name, each in space_of(settings, ()).settings.items():
        value: Any = getattr(settings, name)
        if isinstance(each, Choice):
            assert value in each.values
            assert len(each.values) > 1
        else:
            assert each.low <= value <= each.high
            assert each.low < each.high


@pytest.mark.parametrize("settings", PRESETS)
def test_the_first_trials_are_the_preset_and_then_one_change_each(settings: Settings) -> None:
    space = space_of(settings, ())
    assert space.first[0] == {}
    assert [len(each) for each in space.first[1:]] == [1] * (len(space.first) - 1)
    for changes in space.first[1:]:
        ((name, value),) = changes.items()
        assert value != getattr(settings, name)
        part = space.settings[name]
        assert value in part.values if isinstance(part, Choice) else part.low <= value <= part.high
        with_changes(settings, changes)


@pytest.mark.parametrize("settings", PRESETS)
def test_random_points_are_valid_and_short_to_write(settings: Settings) -> None:
    space = space_of(settings, ())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        changes = space.suggest(study.ask())
        with_changes(settings, changes)
        assert all(len(f"{value:g}") < 9 for value in changes.values() if isinstance(value, float))


def test_a_point_of_the_preset_has_no_changes() -> None:
    settings = preset("labels", "base")
    space = space_of(settings, ())
    trial = optuna.trial.FixedTrial(space.point({}))
    assert space.suggest(trial) == {}  # type: ignore[arg-type]
    trial = optuna.trial.FixedTrial(space.point({"units": 128}))
    assert space.suggest(trial) == {"units": 128}  # type: ignore[arg-type]


def test_what_the_user_gave_is_not_searched() -> None:
    settings = preset("labels", "base")
    assert "units" not in space_of(settings, ["units"]).settings
    assert all("units" not in changes for changes in space_of(settings, ["units"]).first)


def test_tokens_of_a_language_model_are_not_searched() -> None:
    names = set(space_of(preset("words", "base"), ()).settings)
    assert not names & {"tokens", "vocabulary", "lowercase", "min_count"}


def test_nothing_left_to_search_is_an_error() -> None:
    settings = preset("labels", "base")
    names = list(space_of(settings, ()).settings)
    with pytest.raises(UsageError, match=r"expected a setting to search .*, found all of them given"):
        space_of(settings, names)


def test_a_learning_rate_stays_within_what_the_optimizer_allows() -> None:
    settings = with_changes(preset("labels", "base"), {"optimizer": "adam", "learning_rate": 0.08})
    rates = space_of(settings, ()).settings["learning_rate"]
    assert isinstance(rates, Range)
    assert rates.high == 0.1
