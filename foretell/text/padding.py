"""Padding: texts of different lengths as one array, with 0 in front or at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.arrays import Integers, TokenIds


def pad_front(ids_list: Sequence[Sequence[int]], length: int) -> TokenIds:
    """Return ids [text, length]: each text's last `length` ids, with 0 before them as Keras pads."""
    padded = np.zeros((len(ids_list), length), np.int64)
    for row, ids in zip(padded, ids_list, strict=True):
        kept = ids[-length:]
        if kept:
            row[length - len(kept) :] = kept
    return padded


def pad_end(ids_list: Sequence[Sequence[int]], length: int, *, empty: int = 1) -> tuple[TokenIds, Integers]:
    """Return (ids int64 [text, step], lengths int32 [text]): each text's last `length` ids, then 0.

    There are as many steps as the longest of these texts has ids, at most `length`.

    Args:
        ids_list: the ids of each text.
        length: ids of a text to keep, at most: its last ones.
        empty: the id that replaces a text without ids: pooling needs at least one step. 1 is the unknown word
            of the style "words".
    """
    kept = [list(ids[-length:]) or [empty] for ids in ids_list]
    lengths = np.array([len(ids) for ids in kept], np.int32)
    padded = np.zeros((len(kept), int(lengths.max(initial=1))), np.int64)
    for row, ids in zip(padded, kept, strict=True):
        row[: len(ids)] = ids
    return padded, lengths
