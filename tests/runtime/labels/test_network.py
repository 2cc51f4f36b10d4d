"""The network of a classifier: batches in several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from foretell.errors import SettingsError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.network import BATCH, pad_end, pad_front
from tests.builders import random_linear_model

WORDS = ["the", "mind", "adapts", "and", "converts", ",", ".", "zebra"]


def test_threads_change_no_number(labels_model: Callable[..., LabelsRuntime]) -> None:
    texts = [" ".join(WORDS[: i % 9]) for i in range(300)]
    one, three = (labels_model(threads=threads).predict_proba(texts) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    with pytest.raises(SettingsError, match="threads"):
        labels_model(threads=0)


def test_two_batches_are_in_the_network_at_once(labels_model: Callable[..., LabelsRuntime]) -> None:
    runtime = labels_model(threads=2)
    met, inner = threading.Barrier(2, timeout=60), runtime._network._session

    class Meeting:
        def run(self, *arguments: Any) -> Any:
            # Breaks where the other batch waits for this one's end.
            met.wait()
            return inner.run(*arguments)

    runtime._network._session = Meeting()  # type: ignore[assignment]
    assert runtime.predict_proba(["the mind"] * 2 * BATCH).shape == (2 * BATCH, 2)


def test_words_that_only_the_linear_model_has_are_unknown_to_the_network(
    labels_model: Callable[..., LabelsRuntime],
) -> None:
    size = labels_model().tokenizer.size
    runtime = labels_model(linear=random_linear_model(size, 1), vocabulary=3)
    assert runtime.tokenizer.size == size
    network, unknown = runtime._network, runtime.tokenizer.unknown
    for ids in ([5, 4, size - 1], [size - 1]):
        masked = [id if id < 6 else unknown for id in ids]
        np.testing.assert_array_equal(network([ids]), network([masked]))


def test_pad_front_keeps_the_last_ids():
    padded = pad_front([[1, 2, 3, 4], [5], []], 3)
    assert padded.dtype == np.int64
    assert padded.tolist() == [[2, 3, 4], [0, 0, 5], [0, 0, 0]]


def test_pad_end_keeps_the_last_ids_and_is_no_longer_than_needed():
    padded, lengths = pad_end([[1, 2, 3, 4], [5], []], 3)
    assert (padded.dtype, lengths.dtype) == (np.int64, np.int32)
    assert (padded.tolist(), lengths.tolist()) == ([[2, 3, 4], [5, 0, 0], [1, 0, 0]], [3, 1, 1])
    assert pad_end([[7], [8]], 100)[0].shape == (2, 1)
    assert pad_end([], 100)[0].shape == (0, 1)
