"""How long a network is trained."""

from __future__ import annotations

from foretell.presets import LABELS_PRESETS
from foretell.training.labels.plan import Plan, enough_labels, make_plan


def test_small_data_sets_are_repeated_for_more_epochs() -> None:
    base = LABELS_PRESETS["base"]
    few, many = make_plan(base, 300), make_plan(base, 25_000)
    assert many == Plan(391, base.epochs, base.patience)
    assert make_plan(base, 75_000) == Plan(1_172, base.max_steps // 1_172, 2)
    assert make_plan(base, 1_000_000).epochs == 1
    assert few.steps >= base.min_steps > few.steps - few.steps_per_epoch
    assert few.patience > base.patience


def test_labels_are_enough_where_they_make_the_minimum_of_steps() -> None:
    base = LABELS_PRESETS["base"]
    enough = base.batch_size * base.min_steps // base.epochs
    assert enough_labels(base, enough)
    assert not enough_labels(base, enough - base.batch_size)
