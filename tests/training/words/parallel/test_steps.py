"""The gradients of the parts of a batch: their sum is the gradient of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import with_changes
from foretell.networks.batch_part import BatchPart, parts_of
from foretell.networks.words import LstmNetwork
from foretell.training.words.parallel.steps import PartGradients, PartSteps
from foretell.training.words.sampled_softmax import drawn_words
from foretell.training.words.step import Steps, seed_of
from tests.training.words.small import SMALL

SIZE, STREAMS = 300, 5
SETTINGS = with_changes(SMALL, {"negatives": 16, "streams": STREAMS, "dropout": 0.3})


@pytest.fixture(scope="module")
def batch() -> npt.NDArray[np.int32]:
    return np.random.default_rng(1).integers(0, SIZE, (STREAMS, SETTINGS.window + 1), np.int32)


def gradients(
    network: LstmNetwork, part: BatchPart, batch: npt.NDArray[np.int32], words: int = SETTINGS.negatives
) -> PartGradients:
    rows = batch[part.rows]
    states = network.first_states(part.count)
    steps = PartSteps(network, SETTINGS, part)
    tokens = batch.size - len(batch)
    return steps.gradients(rows[:, :-1], rows[:, 1:], states, seed_of(SETTINGS, 7), tokens, words)[0]


def dense(columns: int, each: list[tuple[Any, Any]]) -> npt.NDArray[np.float32]:
    """Return the sum of sparse rows as a matrix [id, column]."""
    matrix = np.zeros((SIZE, columns), np.float32)
    for rows, values in each:
        np.add.at(matrix, rows, values)
    return matrix


def test_the_parts_add_up_to_the_whole(batch: npt.NDArray[np.int32]) -> None:
    network = LstmNetwork(SETTINGS, SIZE)
    whole = gradients(network, BatchPart(0, STREAMS, STREAMS), batch)
    parts = [gradients(network, part, batch) for part in parts_of(STREAMS, 2)]
    np.testing.assert_allclose(sum(part.flat for part in parts), whole.flat, atol=1e-5)
    assert len(whole.sparse) == 2, "the embeddings and the bias of the output"
    for k, (_, values) in enumerate(whole.sparse):
        columns = values.shape[1]
        together = dense(columns, [part.sparse[k] for part in parts])
        np.testing.assert_allclose(together, dense(columns, [whole.sparse[k]]), atol=1e-5)


def test_with_all_words_in_the_softmax_the_gradients_are_dense(batch: npt.NDArray[np.int32]) -> None:
    network = LstmNetwork(SETTINGS, SIZE)
    whole = gradients(network, BatchPart(0, STREAMS, STREAMS), batch, SIZE)
    parts = [gradients(network, part, batch, SIZE) for part in parts_of(STREAMS, 2)]
    assert whole.sparse == []
    assert len(whole.shared) == 0
    assert len(whole.flat) == 3 + sum(np.prod(each.shape) for each in network.trainable_variables)
    np.testing.assert_allclose(sum(part.flat for part in parts), whole.flat, atol=1e-5)


def test_a_worker_goes_from_sampled_words_to_all(batch: npt.NDArray[np.int32]) -> None:
    network, alone, part = LstmNetwork(SETTINGS, SIZE), LstmNetwork(SETTINGS, SIZE), BatchPart(0, 5, STREAMS)
    steps, whole_steps = PartSteps(network, SETTINGS, part), Steps(alone, SETTINGS, part)
    inputs = batch[:, :-1], batch[:, 1:], network.first_states(STREAMS), seed_of(SETTINGS, 7)
    for words in (SETTINGS.negatives, SIZE, SETTINGS.negatives):
        whole_steps.train(*inputs, tf.constant(0.01), words)
        found, _ = steps.gradients(*inputs, batch.size - len(batch), words)
        steps.update(found, 0.01, words)
        for one, other in zip(network.trainable_variables, alone.trainable_variables, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_worker_has_the_sampled_words_as_shared_rows(batch: npt.NDArray[np.int32]) -> None:
    network = LstmNetwork(SETTINGS, SIZE)
    drawn = np.sort(drawn_words(SIZE, SETTINGS.negatives, seed_of(SETTINGS, 7))[0].numpy())
    for part in parts_of(STREAMS, 2):
        found = gradients(network, part, batch)
        np.testing.assert_array_equal(np.sort(found.shared), drawn)
        for rows, _ in found.sparse:
            assert len(np.unique(rows)) == len(rows)
            assert not np.isin(rows, drawn).any()
