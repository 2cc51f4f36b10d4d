"""The sampled softmax, beside the whole one and beside a plain formula."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.networks.words import LstmNetwork
from foretell.training.words.step import drawn_words, sampled_loss, seed_of
from tests.training.words.small import SMALL


def test_the_sampled_loss_comes_to_the_exact_one() -> None:
    network = LstmNetwork(SMALL, 300)
    rng = np.random.default_rng(0)
    network.embedding.embeddings.assign(rng.normal(size=[300, 8]))
    hidden = tf.constant(rng.normal(size=[50, 8]) * 0.3, tf.float32)
    targets = tf.constant(rng.integers(1, 300, 50), tf.int32)
    exact = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=network.logits(hidden))
    sampled = sampled_loss(network, hidden, targets, 400_000, tf.constant([1, 2]))
    np.testing.assert_allclose(sampled, exact, atol=0.05)
    few = [sampled_loss(network, hidden, targets, 100, seed_of(SMALL, k)).numpy().mean() for k in range(50)]
    assert np.mean(few) == pytest.approx(exact.numpy().mean(), abs=0.2)
    assert len(set(few)) == 50


def test_loss_and_gradients_are_those_of_the_plain_formula() -> None:
    network, size, negatives, seed = LstmNetwork(SMALL, 40), 40, 30, tf.constant([1, 2])
    rng = np.random.default_rng(0)
    network.embedding.embeddings.assign(rng.normal(size=[size, 8]))
    network.bias.assign(rng.normal(size=size))
    hidden = tf.constant(rng.normal(size=[25, 8]), tf.float32)
    drawn = np.repeat(*(each.numpy() for each in drawn_words(size, negatives, seed)))
    assert len(drawn) == negatives
    assert len(set(drawn)) < negatives, "a word is drawn twice"
    targets = tf.constant(rng.integers(0, size, 25), tf.int32)
    assert np.isin(targets, drawn).any(), "a drawn word is a target"

    def plain() -> tf.Tensor:
        logits = hidden @ tf.transpose(network.embedding.embeddings.value) + network.bias.value
        own = tf.gather(logits, targets, batch_dims=1)
        expected = negatives * np.log((drawn + 2) / (drawn + 1)) / np.log(size + 1)
        others = tf.gather(logits, drawn, axis=1) - tf.constant(np.log(expected), tf.float32)
        sums = tf.reduce_sum(tf.exp(others) * tf.cast(drawn[None] != targets[:, None], tf.float32), axis=1)
        return tf.math.log(tf.exp(own) + sums) - own

    sources = [hidden, network.embedding.embeddings.value, network.bias.value]
    found = []
    for loss_of in (plain, lambda: sampled_loss(network, hidden, targets, negatives, seed)):
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            losses = loss_of()
            mean = tf.reduce_mean(losses * tf.range(25.0))
        gradients = [tf.convert_to_tensor(each).numpy() for each in tape.gradient(mean, sources)]
        found.append([losses.numpy(), *gradients])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_logits_of_any_size_give_finite_losses_and_gradients(scale: float) -> None:
    network = LstmNetwork(SMALL, 40)
    network.embedding.embeddings.assign(scale * np.random.default_rng(0).normal(size=[40, 8]))
    hidden = tf.ones([5, 8])
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        loss = sampled_loss(network, hidden, tf.range(5), 30, tf.constant([1, 2]))
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, hidden)).all()
