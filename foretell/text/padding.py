"""Texts of different lengths as one array: filled up with 0 in front, or at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def pad_front(ids_list: Sequence[Sequence[int]], length: int) -> Ids:
    """Return ids [text, length]: each text's last `length` ids, with 0 before them as Keras pads."""
    padded = np.zeros((len(ids_list), length), np.int64)
    for row, ids in zip(padded, ids_list, strict=True):
        kept = ids[-length:]
        if kept:
            row[length - len(kept) :] = kept
    return padded


def pad_end(
    ids_list: Sequence[Sequence[int]], length: int, *, empty: int = 1
) -> tuple[Ids, npt.NDArray[np.int32]]:
    """Return (ids [text, step], lengths [text]): each text's last `length` ids, then 0.

    `step` is the longest of these texts, at most `length`, so a batch costs no more than it must.

    Args:
        ids_list: the ids of each text.
        length: most ids of a text to keep, the last ones.
        empty: the one id that stands for a text without any: an LSTM cannot pool over nothing. 1 is the
            unknown word of the style "words".
    """
    kept = [list(ids[-length:]) or [empty] for ids in ids_list]
    lengths = np.array([len(ids) for ids in kept], np.int32)
    padded = np.zeros((len(kept), int(lengths.max(initial=1))), np.int64)
    for row, ids in zip(padded, kept, strict=True):
        row[: len(ids)] = ids
    return padded, lengths
