"""Which precision is chosen."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.training import precision
from foretell.training.precision import precision_for

LARGE = (1_120, 512, 2_048)


@pytest.mark.parametrize("wanted", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [(1, 1, 1), LARGE])
def test_what_is_wanted_is_not_probed(wanted, size, monkeypatch):
    monkeypatch.setattr(precision, "_seconds", None)
    assert precision_for(wanted, *size) == wanted


def test_small_products_are_float32_without_a_probe(monkeypatch):
    monkeypatch.setattr(precision, "_seconds", None)
    assert precision_for("auto", 100, 64, 256) == "float32"


@pytest.mark.parametrize(("times", "chosen"), [(0.2, "float32"), (1.0, "float32"), (1.2, "mixed_bfloat16")])
def test_the_faster_one_by_far_is_chosen(times, chosen, monkeypatch):
    taken = {"float32": times, "mixed_bfloat16": 1.0}
    monkeypatch.setattr(
        precision, "_seconds", lambda *factors_and_precision: taken[factors_and_precision[-1]]
    )
    assert precision_for("auto", *LARGE) == chosen


def test_a_probe_tells_seconds():
    assert precision_for("auto", 512, 512, 512) in {"float32", "mixed_bfloat16"}
    one = tf.constant([[1.0]])
    assert 0 < precision._seconds(one, one, "float32") < 10
