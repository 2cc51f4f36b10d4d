"""The language models: names and shapes of weights, initialisers, carried state."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import WordsSettings, with_changes
from foretell.networks import set_weights, weights_of
from foretell.networks.lstm_layer import product
from foretell.networks.words import ArticleNetwork, LstmNetwork
from foretell.presets import WORDS_PRESETS

SMALL = WordsSettings(embedding_size=4, units=6, layers=2, dropout=0.5)


def test_mixed_precision_is_for_training_alone() -> None:
    ids = tf.constant(np.arange(12).reshape(3, 4) % 9)
    exact = LstmNetwork(SMALL, 9)
    mixed = LstmNetwork(SMALL, 9, "mixed_bfloat16")
    for seed, is_same in ((None, True), (tf.constant([1, 2]), False)):
        found = [
            network.hidden(ids, network.first_states(3), seed)[0] for network in (exact, mixed)
        ]
        assert np.array_equal(*found) == is_same
        np.testing.assert_allclose(*found, atol=0.01)
    np.testing.assert_array_equal(*(network.logits(found[0][:, 0]) for network in (exact, mixed)))


def test_golden_initialisers_of_the_article() -> None:
    weights = weights_of(ArticleNetwork(WORDS_PRESETS["article"], 69))
    for name, rows in (("lstm_1/kernel", 513), ("lstm_2/kernel", 1024)):
        limit = np.sqrt(6 / (rows + 2048))
        assert np.abs(weights[name]).max() == pytest.approx(limit, rel=1e-3)
        assert weights[name].std() == pytest.approx(limit / np.sqrt(3), rel=1e-2)
    assert not weights["lstm_1/bias"].any()
    assert not weights["lstm_2/bias"].any()
    assert weights["dense/kernel"].std() == pytest.approx(1, rel=0.02)
    assert weights["dense/bias"].std() == pytest.approx(1, rel=0.3)
    assert weights["lstm_1/kernel"][0, :3] == pytest.approx(
        [0.00114440, 0.04360744, -0.03444737], abs=1e-7
    )
    assert weights["dense/bias"][:3] == pytest.approx(
        [-1.25963342, -0.37454605, -0.53090692], abs=1e-6
    )


def test_a_state_carried_over_equals_one_long_window() -> None:
    network = LstmNetwork(SMALL, 9)
    ids = np.random.default_rng(0).integers(1, 9, [3, 8])
    whole, end = network.hidden(ids, network.first_states(3))
    first, states = network.hidden(ids[:, :5], network.first_states(3))
    second, states = network.hidden(ids[:, 5:], states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)
    for one, other in zip(states, end, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("rate", ["dropout", "word_dropout"])
def test_each_dropout_drops_in_training_alone(rate: str) -> None:
    none = with_changes(SMALL, {"dropout": 0.0})
    network, plain = (LstmNetwork(each, 9) for each in (with_changes(none, {rate: 0.5}), none))
    set_weights(network, weights_of(plain))
    ids = np.arange(8).reshape(2, 4)
    states = plain.first_states(2)
    found = [
        network.hidden(ids, states, tf.constant([1, step]))[0].numpy() for step in (0, 0, 2_000)
    ]
    whole = plain.hidden(ids, states)[0].numpy()
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    assert (found[0] != whole).any()
    np.testing.assert_array_equal(network.hidden(ids, states)[0], whole)


def test_the_same_seed_draws_the_same_weights() -> None:
    one = weights_of(LstmNetwork(SMALL, 9))
    same = weights_of(LstmNetwork(SMALL, 9))
    other = weights_of(LstmNetwork(with_changes(SMALL, {"seed": 2}), 9))
    assert all((one[name] == same[name]).all() for name in one)
    assert (one["lstm_1/kernel"] != other["lstm_1/kernel"]).any()


def rounded(x):
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


def near(found, wanted, precision, bits):
    part = 1e-6 if precision == "float32" else 2.0**-bits
    np.testing.assert_allclose(found, wanted, rtol=0, atol=part * np.abs(wanted).max())


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("turned", [{}, {"transpose_a": True}, {"transpose_b": True}], ids=str)
def test_factors_are_rounded_and_sums_are_not(precision, turned):
    rng = np.random.default_rng(0)
    # Numbers that bfloat16 cannot hold: near 100 it tells only halves apart.
    a = tf.constant(rng.normal(size=(64, 64)) + 100, tf.float32)
    b = tf.constant(rng.normal(size=(64, 64)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        found = product(a, b, precision, **turned)
        loss = tf.reduce_sum(tf.sin(found))
    assert found.dtype == tf.float32
    gradients = tape.gradient(loss, [a, b])
    as_read = (a, b) if precision == "float32" else (rounded(a), rounded(b))
    with tf.GradientTape() as tape:
        tape.watch(as_read)
        by_hand = tf.matmul(*as_read, **turned)
        # The same gradient goes in, of the product as it was found.
        loss = tf.reduce_sum(by_hand * tf.cos(found))
    # The product is rounded too, to 8 bits; in the gradients, so is what comes from outside.
    near(found, by_hand, precision, 8)
    for ours, theirs in zip(gradients, tape.gradient(loss, list(as_read)), strict=True):
        near(ours, theirs, precision, 7)
