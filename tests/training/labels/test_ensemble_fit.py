"""What the parts of a classifier weigh, as held-out texts say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.metrics import calibration_error, log_loss
from foretell.ngrams.ensemble import Ensemble, log_of, softmax
from foretell.training.labels.ensemble_fit import EQUAL, LINEAR, Prior, fit_ensemble


def drawn(n: int, n_labels: int, seed: int = 0, spread: float = 2.0) -> tuple[Any, Any]:
    """Return logits [text, label] and targets [text] that follow their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, n_labels))
    ranks = rng.random((n, 1)) > np.cumsum(softmax(logits), axis=1)
    return logits, np.minimum(ranks.sum(axis=1), n_labels - 1).astype(np.int32)


def logs_of(logits: Any) -> Any:
    return log_of(softmax(logits))


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(n_labels: int, temperature: float) -> None:
    logits, targets = drawn(20_000, n_labels)
    # A network that is sure by `temperature` times too much.
    too_sure = logs_of(logits * temperature)
    ensemble = fit_ensemble(targets, [too_sure, None])
    assert ensemble.network == pytest.approx(1 / temperature, rel=0.06)
    assert ensemble.linear == 0
    np.testing.assert_allclose(ensemble.offsets, 0, atol=0.08)
    before, after = softmax(too_sure), ensemble(softmax(too_sure))
    right = before.argmax(axis=1) == targets
    assert calibration_error(after.max(axis=1), right) < 0.012
    if temperature != 1:
        assert calibration_error(before.max(axis=1), right) > 0.03


def test_labels_that_a_part_favours_get_an_offset() -> None:
    logits, targets = drawn(20_000, 3)
    bias = np.array([1.0, 0.0, -1.0])
    ensemble = fit_ensemble(targets, [None, logs_of(logits + bias)])
    assert ensemble.network == 0
    assert ensemble.linear == pytest.approx(1, rel=0.05)
    offsets = np.array(ensemble.offsets)
    np.testing.assert_allclose(offsets - offsets.mean(), -bias, atol=0.1)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_two_parts_are_better_than_either(n_labels: int) -> None:
    logits, targets = drawn(4000, n_labels, seed=1)
    rng = np.random.default_rng(2)
    # Two readers of the same texts, each with errors of its own.
    network, linear = (logs_of(logits + rng.normal(0, 1.5, logits.shape)) for _ in range(2))
    ensemble = fit_ensemble(targets, [network, linear])
    assert ensemble.network > 0.1
    assert ensemble.linear > 0.1
    found = log_loss(targets, ensemble(softmax(network), linear))
    assert found < log_loss(targets, softmax(network)) - 0.01
    assert found < log_loss(targets, softmax(linear)) - 0.01


@pytest.mark.parametrize("seed", range(6))
def test_a_part_that_knows_nothing_does_no_harm(seed: int) -> None:
    logits, targets = drawn(2000, 2, seed=seed)
    noise = logs_of(np.random.default_rng(seed + 50).normal(0, 2, logits.shape))
    ensemble = fit_ensemble(targets, [logs_of(logits), noise])
    assert ensemble.network == pytest.approx(1, abs=0.15)
    assert ensemble.linear < 0.1
    assert log_loss(targets, ensemble(softmax(logits), noise)) <= log_loss(targets, softmax(logits)) + 1e-4


@pytest.mark.parametrize(("n", "prior"), [(1, EQUAL), (4, EQUAL), (12, LINEAR)])
def test_few_texts_give_the_minimum_of_the_penalised_cross_entropy(n: int, prior: Prior) -> None:
    logits, targets = drawn(n, 2)
    members = [logs_of(logits), logs_of(logits[::-1])]
    ensemble = fit_ensemble(targets, members, prior)
    assert ensemble.offsets == ()

    def objective(network: float, linear: float) -> float:
        mixed = softmax(network * members[0] + linear * members[1]).astype(np.float64)
        penalty = sum(
            strength * (weight - mean) ** 2
            for strength, weight, mean in zip(prior.strength, (network, linear), prior.weights, strict=True)
        )
        return float(-np.log(mixed[np.arange(n), targets]).mean() + penalty / n)

    grid = np.arange(0, 2.001, 0.02)
    values = {(a, b): objective(a, b) for a in grid for b in grid}
    best = min(values, key=values.__getitem__)
    assert (ensemble.network, ensemble.linear) == pytest.approx(best, abs=0.021)


def test_the_network_has_to_show_what_it_adds_to_the_linear_model() -> None:
    logits, targets = drawn(2000, 2, seed=3)
    rng = np.random.default_rng(4)
    network, linear = (logs_of(logits + rng.normal(0, 1.5, logits.shape)) for _ in range(2))

    def fitted(n: int) -> Ensemble:
        return fit_ensemble(targets[:n], [network[:n], linear[:n]], LINEAR)

    assert fitted(1).network < 0.1
    assert fitted(1).linear == pytest.approx(1, abs=0.1)
    # With texts enough it no longer matters what was believed.
    assert fitted(2000).network == pytest.approx(fit_ensemble(targets, [network, linear]).network, abs=0.02)


def test_a_few_texts_tell_how_sure_the_linear_model_may_be() -> None:
    logits, targets = drawn(100, 2, seed=5)
    too_sure = logs_of(3 * logits)
    noise = logs_of(np.random.default_rng(6).normal(0, 2, logits.shape))
    ensemble = fit_ensemble(targets, [noise, too_sure], LINEAR)
    assert ensemble.network < 0.1
    assert ensemble.linear == pytest.approx(1 / 3, abs=0.15)


@pytest.mark.parametrize("place", [0, 1])
def test_a_part_that_is_alone_is_believed(place: int) -> None:
    logits, targets = drawn(1, 2)
    parts = [logs_of(logits) if i == place else None for i in range(2)]
    ensemble = fit_ensemble(targets, parts, LINEAR)
    weights = (ensemble.network, ensemble.linear)
    assert weights[place] == pytest.approx(1, abs=0.1)
    assert weights[1 - place] == 0


def test_a_label_with_few_texts_has_no_offset() -> None:
    logits, targets = drawn(300, 2)
    rare = np.where(np.arange(300) < 10, 1, 0).astype(np.int32)
    assert fit_ensemble(rare, [logs_of(logits), None]).offsets == ()
    assert len(fit_ensemble(targets, [logs_of(logits), None]).offsets) == 2


def test_parts_that_are_always_wrong_say_as_little_as_may_be() -> None:
    targets = np.array([0, 1] * 30_000, np.int32)
    wrong = np.log(np.where(np.eye(2)[targets] == 1, 0.001, 0.999))
    ensemble = fit_ensemble(targets, [wrong, wrong])
    assert 0 < ensemble.network + ensemble.linear < 0.01
    answers = ensemble(softmax(wrong), wrong)
    np.testing.assert_allclose(answers, 0.5, atol=0.01)
    assert Ensemble.from_dict(ensemble.to_dict()) == ensemble
