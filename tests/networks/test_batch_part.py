"""Parts of a batch: the random numbers of the whole batch, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import WordsSettings
from foretell.networks import lstm_layer
from foretell.networks.batch_part import dropout, parts_of
from foretell.networks.words import LstmNetwork

SEED = tf.constant([7, 4_000])


def test_the_parts_are_all_of_the_batch() -> None:
    for streams in (1, 5, 16):
        for workers in range(1, streams + 1):
            parts = parts_of(streams, workers)
            assert [k for part in parts for k in range(streams)[part.rows]] == list(range(streams))
            assert {part.count for part in parts} <= {streams // workers, -(-streams // workers)}


@pytest.mark.parametrize("rest", [[1], [3, 5], [35, 8]])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_part_has_the_dropout_of_the_whole_batch(rest: list[int], workers: int) -> None:
    x = tf.constant(np.random.default_rng(0).normal(size=[7, *rest]), tf.float32)
    whole = dropout(x, 0.3, SEED, None)
    parts = [dropout(x[part.rows], 0.3, SEED, part) for part in parts_of(7, workers)]
    np.testing.assert_array_equal(tf.concat(parts, 0), whole)
    assert 0 < np.count_nonzero(whole) < x.numpy().size or rest == [1]


@pytest.mark.parametrize("with_kernel", [True, False])
def test_the_network_has_the_hidden_values_of_the_whole_batch(
    with_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_kernel:
        monkeypatch.setattr(lstm_layer, "kernel_is_usable", lambda: False)
    rates = {"dropout": 0.3, "recurrent_dropout": 0.4, "word_dropout": 0.2}
    network = LstmNetwork(WordsSettings(embedding_size=6, units=5, layers=2, **rates), 30)
    ids = tf.constant(np.random.default_rng(0).integers(0, 30, [5, 4]))
    whole, states = network.hidden(ids, network.first_states(5), SEED)
    found = [
        network.hidden(ids[part.rows], network.first_states(part.count), SEED, part)
        for part in parts_of(5, 3)
    ]
    np.testing.assert_allclose(tf.concat([hidden for hidden, _ in found], 0), whole, atol=1e-6)
    for k, state in enumerate(states):
        np.testing.assert_allclose(tf.concat([each[k] for _, each in found], 0), state, atol=1e-6)
    again, _ = network.hidden(ids, network.first_states(5), SEED)
    np.testing.assert_array_equal(again, whole)
