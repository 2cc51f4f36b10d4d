"""Means over the last steps, from Keras's means over an epoch."""

from __future__ import annotations

import pytest

from foretell.training.labels.window_means import Window


def test_the_means_are_those_since_the_last_move() -> None:
    losses, accuracies, sizes = [3.0, 1.0, 2.0, 5.0], [0.0, 1.0, 0.5, 0.25], [8, 8, 8, 4]
    window = Window()
    seen = 0
    sums = [0.0, 0.0]
    means: dict[str, float] = {}
    since = []
    for k, size in enumerate(sizes):
        seen += size
        sums = [sums[0] + size * losses[k], sums[1] + size * accuracies[k]]
        means = {"loss": sums[0] / seen, "accuracy": sums[1] / seen}
        if k in (1, 3):
            since.append(window.move(seen, means))
    assert since[0] == pytest.approx((2.0, 0.5))
    assert since[1] == pytest.approx(((8 * 2.0 + 4 * 5.0) / 12, (8 * 0.5 + 4 * 0.25) / 12))


def test_a_resumed_epoch_begins_with_the_means_it_had() -> None:
    window = Window()
    window.start(10, {"loss": 4.0, "accuracy": 0.5})
    assert window.move(20, {"loss": 3.0, "accuracy": 0.75}) == pytest.approx((2.0, 1.0))
