"""Padding in front and at the end."""

import numpy as np

from foretell.text.padding import pad_end, pad_front


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
