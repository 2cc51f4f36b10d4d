"""What scores mean: the ensemble that is fitted to unseen texts, and folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.data.folds import make_folds
from foretell.metrics import calibration_error, log_loss
from foretell.metrics.multi_label import best_thresholds, mean_log_loss
from foretell.ngrams.ensemble import Ensemble, log_of, sigmoid, softmax
from foretell.training.labels.outputs import (
    EQUAL,
    LINEAR,
    OneLabel,
    Prior,
    SeveralLabels,
    fit_ensemble,
)

SEVERAL = SeveralLabels(3)


def drawn(n: int, n_labels: int, seed: int = 0, spread: float = 2.0) -> tuple[Any, Any]:
    """Return logits [text, label] and targets [text] that follow their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, n_labels))
    ranks = rng.random((n, 1)) > np.cumsum(softmax(logits), axis=1)
    return logits, np.minimum(ranks.sum(axis=1), n_labels - 1).astype(np.int32)


def logs_of(logits: Any) -> Any:
    return log_of(softmax(logits))


@pytest.mark.parametrize(("n_labels", "temperature"), [(2, 0.5), (4, 3.0)])
def test_a_known_temperature_and_known_offsets_are_found_again(
    n_labels: int, temperature: float
) -> None:
    logits, targets = drawn(20_000, n_labels)
    bias = np.linspace(1, -1, n_labels)
    ensemble = fit_ensemble(targets, [None, logs_of(temperature * logits + bias)])
    assert ensemble.network == 0
    assert ensemble.linear == pytest.approx(1 / temperature, rel=0.06)
    offsets = np.array(ensemble.offsets)
    np.testing.assert_allclose(offsets - offsets.mean(), -bias / temperature, atol=0.1)
    after = ensemble(None, logs_of(temperature * logits + bias))
    assert calibration_error(after.max(axis=1), after.argmax(axis=1) == targets) < 0.012


@pytest.mark.parametrize("n_labels", [2, 3])
def test_two_members_are_better_than_either_and_noise_does_no_harm(n_labels: int) -> None:
    logits, targets = drawn(4000, n_labels, seed=1)
    rng = np.random.default_rng(2)
    network, linear = (logs_of(logits + rng.normal(0, 1.5, logits.shape)) for _ in range(2))
    found = log_loss(targets, fit_ensemble(targets, [network, linear])(softmax(network), linear))
    assert found < log_loss(targets, softmax(network)) - 0.01
    assert found < log_loss(targets, softmax(linear)) - 0.01
    with_noise = fit_ensemble(targets, [logs_of(logits), logs_of(rng.normal(0, 2, logits.shape))])
    assert with_noise.network == pytest.approx(1, abs=0.15)
    assert with_noise.linear < 0.1


@pytest.mark.parametrize(("n", "prior"), [(1, EQUAL), (4, EQUAL), (12, LINEAR)])
def test_few_texts_give_the_minimum_of_the_penalised_cross_entropy(n: int, prior: Prior) -> None:
    logits, targets = drawn(n, 2)
    members = [logs_of(logits), logs_of(logits[::-1])]
    ensemble = fit_ensemble(targets, members, prior)
    assert ensemble.offsets == ()

    def objective(*weights: float) -> float:
        mixed = softmax(weights[0] * members[0] + weights[1] * members[1]).astype(np.float64)
        given = zip(prior.strength, weights, prior.weights, strict=True)
        penalty = sum(strength * (weight - mean) ** 2 for strength, weight, mean in given)
        return float(-np.log(mixed[np.arange(n), targets]).mean() + penalty / n)

    grid = np.arange(0, 2.001, 0.04)
    values = {(a, b): objective(a, b) for a in grid for b in grid}
    best = min(values, key=values.__getitem__)
    assert (ensemble.network, ensemble.linear) == pytest.approx(best, abs=0.041)


def test_without_texts_weights_are_those_that_need_none() -> None:
    one = OneLabel(2)
    nothing = np.zeros((0, 2))
    targets = np.zeros(0, np.int32)
    network = nothing.astype(np.float32)
    assert one.fit_ensemble(targets, network, nothing) == Ensemble(network=0.5, linear=0.5)
    assert one.fit_ensemble(targets, None, nothing) == Ensemble(network=0.0, linear=1.0)
    assert one.fit_ensemble(targets, network, None) == Ensemble()
    np.testing.assert_array_equal(one.fit_pool(targets, np.zeros((4, 0, 2))), 0.25)


def test_a_network_alone_that_is_not_calibrated_stays_as_it_is() -> None:
    logits, targets = drawn(200, 2)
    network = softmax(3 * logits)
    assert OneLabel(2, None, is_calibrated=False).fit_ensemble(targets, network, None) == Ensemble()
    assert OneLabel(2).fit_ensemble(targets, network, None).network < 0.6


def test_one_text_that_the_network_is_sure_about_and_wrong_does_not_decide_its_weight() -> None:
    logits, targets = drawn(300, 2, seed=7)
    network = softmax(logits)
    linear = np.zeros((300, 2)) - np.log(2)
    before = OneLabel(2).fit_ensemble(targets, network, linear)
    network[0] = [1.0, 0.0] if targets[0] else [0.0, 1.0]
    assert before.network > 0.7
    assert OneLabel(2).fit_ensemble(targets, network, linear).network > 0.8 * before.network
    with np.errstate(divide="ignore"):
        pool = OneLabel(2).fit_pool(targets, np.stack([np.log(network), linear]))
    assert pool[0] > 0.6
    # With more labels an even share is less, and so is what counts as sure.
    clipped = OneLabel(2000).clipped(np.array([[-99.0, -9.0]]))
    np.testing.assert_allclose(np.exp(clipped), [[1 / 500 / 2000, np.exp(-9)]], rtol=0.1)
    # Of several labels neither.
    rng = np.random.default_rng(1)
    several = (rng.random((400, 1)) < 0.5).astype(np.float64)
    rows = sigmoid(4 * several - 2 + 1.5 * rng.normal(size=(400, 1)))
    none = np.zeros((400, 1))
    first = SeveralLabels(1).fit_ensemble(several, rows, none)
    rows[0] = 1 - several[0]
    assert SeveralLabels(1).fit_ensemble(several, rows, none).network[0] > 0.87 * first.network[0]


def too_sure(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return targets, and log-odds of a network and a linear model that are too sure."""
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, (n, 3)) - [0, 1, 2]
    targets = (rng.random((n, 3)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return (
        targets,
        2 * true + rng.normal(0, 2, true.shape),
        3 * true + rng.normal(0, 1, true.shape) + 1,
    )


def test_several_labels_are_calibrated_and_better_than_their_members() -> None:
    targets, network, linear = too_sure()
    fitted = SEVERAL.fit_ensemble(targets, sigmoid(network), linear)
    rows = fitted(sigmoid(network), linear)
    for member in (network, linear):
        assert mean_log_loss(targets, rows) < mean_log_loss(targets, sigmoid(member))
    np.testing.assert_allclose(rows.mean(axis=0), targets.mean(axis=0), atol=0.03)
    assert fitted.thresholds == best_thresholds(targets, rows)
    np.testing.assert_array_equal(
        SEVERAL.decide(fitted, rows), rows >= np.float32(fitted.thresholds)
    )


def test_a_label_of_fewer_than_ten_texts_is_not_calibrated() -> None:
    targets, network, linear = too_sure()
    is_one_of_nine = np.arange(len(targets)) < 9
    # A label that nine texts do not have is as uncertain as one that nine have.
    for has_label in (~is_one_of_nine, is_one_of_nine):
        targets[:, 1] = has_label
        fitted = SEVERAL.fit_ensemble(targets, sigmoid(network), linear)
        assert [bool(offset) for offset in fitted.offsets] == [True, False, True]
    alone = SEVERAL.fit_ensemble(targets, sigmoid(network), None)
    assert (alone.linear, len(alone.network)) == ((), 3)
    # Few texts leave what needs no data.
    none = SEVERAL.fit_ensemble(targets[:0], sigmoid(network[:0]), linear[:0])
    assert none.network == none.linear == none.thresholds == (0.5, 0.5, 0.5)
    few = SEVERAL.fit_ensemble(targets[:30], sigmoid(network[:30]), linear[:30])
    assert (few.thresholds, few.offsets) == ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0))


def test_unknown_labels_have_no_part_in_it() -> None:
    targets, network, linear = too_sure()
    targets[::3, 1] = np.nan
    fitted = SEVERAL.fit_ensemble(targets, sigmoid(network), linear)
    network[::3, 1], linear[::3, 1] = 5, -5
    assert SEVERAL.fit_ensemble(targets, sigmoid(network), linear) == fitted
    every = np.full((5, 3), np.nan)
    assert SEVERAL.fit_pool(every, np.stack([every, every])).tolist() == [0.5, 0.5]


def test_members_that_know_nothing_have_no_weight() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(50, size=400).astype(np.int32)
    noise = np.stack([logs_of(rng.normal(0, 3, (400, 50))) for _ in range(2)])
    weights = OneLabel(50).fit_pool(targets, noise)
    assert weights.max() < 0.05


def test_labels_are_spread_evenly_over_the_folds() -> None:
    texts = [f"text {i}" for i in range(82)]
    targets = np.repeat(np.arange(3, dtype=np.int32), [50, 25, 7])
    folds = make_folds(texts, targets, 5, seed=3)
    for label, most in ((0, 10), (1, 5), (2, 2)):
        counts = np.bincount(folds.fold_of[targets == label], minlength=5)
        assert counts.max() <= most
        assert counts.max() - counts.min() <= 1
    assert (make_folds(texts, targets, 5, seed=4).fold_of != folds.fold_of).any()
