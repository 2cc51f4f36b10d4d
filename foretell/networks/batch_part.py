"""A part of a batch, which one of several workers computes, with the random numbers of the whole batch.

Philox is a counter-based generator (Salmon et al. 2011): the numbers of a part are drawn alone, from the
place in the sequence where they are in the whole batch. A worker draws no numbers of other workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

_AT_A_TIME = 4
"""Numbers for each value of Philox's counter."""
_PHILOX = 1


@dataclass(frozen=True)
class BatchPart:
    """Some streams of a batch.

    Attributes:
        first: the number of the first one.
        count: how many.
        streams: how many the whole batch has.
    """

    first: int
    count: int
    streams: int

    @property
    def rows(self) -> slice:
        """Return where they are in the whole batch."""
        return slice(self.first, self.first + self.count)

    def uniform(self, rest: list[int], seed: Tensor) -> Tensor:
        """Return this part of `tf.random.stateless_uniform([streams, *rest], seed, alg="philox")`.

        Args:
            rest: the axes after the streams.
            seed: int32 [2].

        Returns:
            float32 [count, *rest], from 0 to below 1.
        """
        start, count = self.first * math.prod(rest), self.count * math.prod(rest)
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        # The lower half of the counter begins at 0, so that it cannot overflow.
        counter += tf.constant([start // _AT_A_TIME, 0], tf.uint64)
        before = start % _AT_A_TIME
        drawn = tf.raw_ops.StatelessRandomUniformV2(
            shape=[before + count], key=key, counter=counter, alg=_PHILOX, dtype=tf.float32
        )
        return tf.reshape(drawn[before:], [self.count, *rest])


def parts_of(streams: int, workers: int) -> list[BatchPart]:
    """Divide a batch among workers: their parts differ by one stream at most.

    Args:
        streams: of the batch, at least as many as workers.
        workers: how many.
    """
    bounds = [streams * rank // workers for rank in range(workers + 1)]
    return [BatchPart(bounds[rank], bounds[rank + 1] - bounds[rank], streams) for rank in range(workers)]


def dropout(x: Tensor, rate: float, seed: Tensor, part: BatchPart | None) -> Tensor:
    """Apply dropout with the mask that depends on the seed alone.

    Args:
        x: float32 [stream, …], of the whole batch or of `part`.
        rate: fraction that is set to zero, below 1.
        seed: int32 [2].
        part: of the batch; None: all of it.
    """
    if part is None:
        return tf.nn.experimental.stateless_dropout(x, rate, seed, rng_alg="philox")
    keep = part.uniform(x.shape[1:].as_list(), seed) >= rate
    return tf.where(keep, x * (1 / (1 - rate)), 0.0)
