"""All workers of a training, as the first one sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from foretell.arrays import Integers
from foretell.config import to_dict
from foretell.errors import LostWorkerError
from foretell.networks.batch_part import BatchPart
from foretell.networks.words import States
from foretell.ring.collectives import Ring
from foretell.ring.connections import Connection, Message
from foretell.training.interrupt import Interrupt
from foretell.training.words.parallel.member import packed, unpacked
from foretell.training.words.parallel.part_worker import Order, PartWorker
from foretell.training.words.parallel.steps import PartSteps

_READY_SECONDS = 300.0
"""Seconds within which a worker must have compiled, on a machine that may be busy."""


class Workers(Protocol):
    """Starts the other workers of a training, and ends them. `foretell.cluster.training` has one on Ray.

    Attributes:
        average_every: steps between two averages of the weights; 1: gradients are summed in every step.
    """

    average_every: int

    def count(self, streams: int) -> int:
        """Return how many workers there are for so many streams, the first one included.

        Raises:
            UsageError: more workers than streams.
        """

    def gather(self, count: int, seconds: float, interrupt: Interrupt) -> tuple[Ring, Sequence[Connection]]:
        """Start the other workers, and return the ring and the connections to them, by rank.

        Args:
            count: of all workers.
            seconds: within which they must be there.
            interrupt: ends the wait.

        Raises:
            LostWorkerError: they are not there in time, or one has failed.
        """

    def end(self) -> str:
        """End the other workers, and return why one has failed, in one line; "" where that is not known."""


class Team:
    """The first worker and its connections to the others.

    Args:
        ring: its neighbours.
        members: connections to the ranks 1, 2, ….
        parts: the streams of each worker.
    """

    def __init__(self, ring: Ring, members: Sequence[Connection], parts: Sequence[BatchPart]) -> None:
        self.ring, self.members, self.parts = ring, members, parts
        self._worker: PartWorker | None = None
        self._averaged = True
        self._summed_bytes = self._summed_steps = self._dense_bytes = 0

    @property
    def count(self) -> int:
        """Return the number of workers."""
        return len(self.parts)

    @property
    def has_begun(self) -> bool:
        """Whether the workers have the weights."""
        return self._worker is not None

    @property
    def is_averaged(self) -> bool:
        """Whether all workers have the same weights."""
        return self._averaged

    def begin(self, steps: PartSteps, carried: States, words: int) -> None:
        """Give every worker the weights and its streams, and compile.

        Args:
            steps: the step functions of the first worker.
            carried: the states of all streams.
            words: number of words in the softmax of the first steps.

        Raises:
            LostWorkerError: a worker is gone or fails.
        """
        about = {
            "settings": to_dict(steps.settings),
            "size": steps.network.size,
            "words": words,
            "precision": steps.network.precision,
            "iterations": int(steps.optimizer.iterations.numpy()),
        }
        for member, part in zip(self.members, self.parts[1:], strict=True):
            states = [state[part.rows] for state in carried]
            of_part = [part.first, part.count, part.streams]
            member.send(packed("start", states, **about, part=of_part))
        own = [state[self.parts[0].rows] for state in carried]
        self._worker = PartWorker(steps, self.ring, own)
        self._worker.copy_weights()
        steps.compile(words)
        for member in self.members:
            member.receive(["ready"], within=_READY_SECONDS)

    def step(self, order: Order, ids: Integers, targets: Integers) -> tuple[float, float]:
        """Let every worker do a step.

        Args:
            order: what is decided about it.
            ids, targets: int32 [stream, step], of all streams.

        Returns:
            mean loss in nats and accuracy: of all streams; of a local step, of the first worker's.

        Raises:
            LostWorkerError: a worker is gone.
        """
        before = self.sent_bytes
        for member, part in zip(self.members, self.parts[1:], strict=True):
            arrays = {"ids": ids[part.rows], "targets": targets[part.rows]}
            member.send(Message("step", order.to_dict(), arrays))
        self._averaged = order.averages or not order.is_local
        assert self._worker is not None
        rows = self.parts[0].rows
        figures = self._worker.step(order, ids[rows], targets[rows])
        self._summed_steps += 1
        self._summed_bytes += self.sent_bytes - before
        self._dense_bytes += self._worker.dense_bytes
        return figures

    def average(self) -> None:
        """Average the weights of all workers, where they differ."""
        if self._averaged:
            return
        for member in self.members:
            member.send(Message("average"))
        assert self._worker is not None
        self._worker.average()
        self._averaged = True

    def carried(self) -> States:
        """Return the states of all streams, in their order."""
        for member in self.members:
            member.send(Message("states"))
        assert self._worker is not None
        parts = [self._worker.carried, *(unpacked(member.receive(["states"])) for member in self.members)]
        return [tf.concat([part[k] for part in parts], 0) for k in range(len(parts[0]))]

    @property
    def sent_bytes(self) -> int:
        """Return how many bytes the first worker has sent."""
        return self.ring.sent_bytes + sum(member.sent_bytes for member in self.members)

    @property
    def bytes_per_step(self) -> float:
        """Return the mean number of bytes that the first worker sent in a step; 0 before the first."""
        return self._summed_bytes / max(1, self._summed_steps)

    @property
    def dense_bytes_per_step(self) -> float:
        """Return the mean size of the gradients that a step adds up as one vector; 0 before the first."""
        return self._dense_bytes / max(1, self._summed_steps)

    def stop(self) -> None:
        """Let the other workers end."""
        for member in self.members:
            # What is lost now costs nothing.
            with contextlib.suppress(LostWorkerError):
                member.send(Message("stop"))
            member.close()
        self.ring.close()
