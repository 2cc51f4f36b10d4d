"""How long a network is trained."""

from __future__ import annotations

from foretell.config import with_changes
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.fold_networks import fixed_schedule
from foretell.training.labels.plan import Plan, enough_labels, make_plan


def test_small_data_sets_are_repeated_for_more_epochs() -> None:
    base = LABELS_PRESETS["base"]
    few, many = make_plan(base, 300), make_plan(base, 25_000)
    assert many == Plan(391, base.epochs, base.patience)
    assert make_plan(base, 75_000) == Plan(1_172, base.max_steps // 1_172, 2)
    assert make_plan(base, 1_000_000).epochs == 1
    assert few.steps >= base.min_steps > few.steps - few.steps_per_epoch
    assert few.patience > base.patience


def test_what_was_given_is_not_replaced() -> None:
    base = with_changes(LABELS_PRESETS["base"], {"epochs": 3, "patience": 1})
    assert make_plan(base, 300, frozenset({"epochs", "patience"})) == Plan(5, 3, 1)
    assert make_plan(base, 300, frozenset({"epochs", "min_steps"})).steps >= base.min_steps
    assert make_plan(base, 300, frozenset({"patience"})).patience == 1
    assert make_plan(base, 1_000_000, frozenset({"epochs"})).epochs == 3
    assert make_plan(base, 1_000_000, frozenset({"epochs", "max_steps"})).epochs == 1
    few = fixed_schedule(base, frozenset({"epochs", "batch_size"}))
    assert (few.epochs, few.batch_size, few.min_steps) == (3, base.batch_size, 1)
    assert fixed_schedule(base, frozenset()).batch_size < base.batch_size


def test_labels_are_enough_where_they_make_the_minimum_of_steps() -> None:
    base = LABELS_PRESETS["base"]
    enough = base.batch_size * base.min_steps // base.epochs
    assert enough_labels(base, enough)
    assert not enough_labels(base, enough - base.batch_size)
