"""Divide texts with several labels into parts, so that each label keeps its share in every part.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011, "On the Stratification of Multi-Label
Data"): the texts of the rarest label are divided first, and each goes where most texts of that label are
still wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s


def parts_of_groups(
    groups: Sequence[Sequence[int]], values: Float32s, shares: Sequence[float], seed: int
) -> npt.NDArray[np.int32]:
    """Return the part of each text, [text], from 0; -1 for a text of no group.

    Args:
        groups: the places of texts that stay together.
        values: float32 [text, label], 1 where a label applies.
        shares: of all texts, the share of each part; together 1.
        seed: of the random order.
    """
    of_group = np.stack([np.nansum(values[list(group)], axis=0) for group in groups])  # [group, label]
    sizes = np.array([len(group) for group in groups], np.float64)
    wanted = np.outer(shares, of_group.sum(axis=0))  # [part, label]
    room = np.array(shares) * sizes.sum()  # [part]
    order = np.random.default_rng(seed).permutation(len(groups))
    part_of = np.full(len(groups), -1, np.int32)

    def put(group: int, part: int) -> None:
        part_of[group] = part
        wanted[part] -= of_group[group]
        room[part] -= sizes[group]

    left = (of_group > 0).sum(axis=0)
    while left.max(initial=0) > 0:
        label = int(np.where(left > 0, left, np.iinfo(left.dtype).max).argmin())
        for group in order[(part_of[order] < 0) & (of_group[order, label] > 0)]:
            # Among equally wanted parts the one with more room, and then the first.
            put(group, int(np.lexsort((-room, -np.round(wanted[:, label], 9)))[0]))
            left -= of_group[group] > 0
    for group in order[part_of[order] < 0]:
        put(group, int(room.argmax()))
    result = np.full(len(values), -1, np.int32)
    for group, part in zip(groups, part_of, strict=True):
        result[list(group)] = part
    return result
