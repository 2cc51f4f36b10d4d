"""The step functions: sampled softmax, targets that are left out, evaluation in windows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.networks.words import LstmNetwork
from foretell.training.words.data import NONE
from foretell.training.words.step import Steps, sampled_loss, seed_of
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


def test_pads_take_no_part_in_the_loss() -> None:
    network = LstmNetwork(SMALL, 9)
    steps = Steps(network, SMALL)
    ids = np.array([[1, 2, 0], [3, 4, 5]], np.int32)
    targets = np.array([[2, NONE, NONE], [4, 5, 6]], np.int32)
    losses, right, _ = steps.evaluate(ids, targets, network.first_states(2))
    hidden, _ = network.hidden(ids, network.first_states(2))
    chosen = tf.nn.log_softmax(network.logits(tf.reshape(hidden, [-1, 8])))
    by_hand = [[-float(chosen[0, 2]), 0, 0], [-float(chosen[k, k + 1]) for k in (3, 4, 5)]]
    np.testing.assert_allclose(losses, by_hand, rtol=1e-5)
    assert right.numpy()[0, 1:].tolist() == [0, 0]
