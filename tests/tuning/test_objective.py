"""What a search optimizes."""

from __future__ import annotations

import math

import pytest

from foretell.errors import SettingsError
from foretell.training.events import EpochDone
from foretell.tuning.objective import OBJECTIVES, objective


@pytest.mark.parametrize("metric", OBJECTIVES)
def test_a_better_figure_has_a_gain_above_0(metric: str) -> None:
    aim = objective(metric)
    better, worse = (0.9, 0.8) if aim.is_higher_better else (0.8, 0.9)
    assert aim.gain(better, worse) > 0 > aim.gain(worse, better)
    assert aim.gain(better, better) == 0


def test_a_perplexity_is_compared_in_nats() -> None:
    aim = objective("perplexity")
    assert aim.gain(100.0, 110.0) == pytest.approx(math.log(1.1))
    assert aim.shown_gain(aim.gain(99.0, 100.0)) == "1.00 %"


def test_a_figure_that_is_missing_or_not_finite_is_none() -> None:
    aim = objective("log_loss")
    assert aim.value({"valid_loss": 0.5}) == 0.5
    assert aim.value({"valid_loss": math.nan}) is None
    assert aim.value({"accuracy": 0.5}) is None


def test_the_figure_of_an_epoch_is_that_of_the_network() -> None:
    event = EpochDone(epoch=1, epochs=2, step=1, loss=1, accuracy=1, valid_loss=0.4, valid_accuracy=0.7)
    assert [objective(metric).progress(event) for metric in ("accuracy", "log_loss")] == [0.7, 0.4]
    assert objective("perplexity").progress(EpochDone(epoch=1, epochs=1, step=1, loss=1, accuracy=1)) is None


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(SettingsError, match=r"metric: expected one of macro_f1, .*, found 'f1'"):
        objective("f1")
