"""A worker other than the first: it does what the first one decides, until that one stops it or is gone."""

from __future__ import annotations

import contextlib

import numpy as np
import tensorflow as tf

from foretell.config import WordsSettings, from_dict
from foretell.networks.batch_part import BatchPart
from foretell.networks.words import LstmNetwork, States
from foretell.ring.collectives import Ring
from foretell.ring.connections import WAIT_SECONDS, Connection, Message
from foretell.ring.meeting import join
from foretell.training.words.parallel.part_worker import Order, PartWorker
from foretell.training.words.parallel.steps import PartSteps


def serve(
    address: tuple[str, int],
    secret: bytes,
    rank: int,
    *,
    host: str = "127.0.0.1",
    seconds: float = WAIT_SECONDS,
) -> int:
    """Join a training and work in it to its end.

    Args:
        address: where the first worker is.
        secret: of the run.
        rank: of this worker, 1 or more.
        host: the address of this machine that the other workers reach.
        seconds: the longest wait for a worker in a step.

    Returns:
        The number of steps done.

    Raises:
        LostWorkerError: another worker is gone.
    """
    ring, control = join(address, secret, rank, host=host, seconds=seconds)
    with contextlib.closing(ring), contextlib.closing(control):
        # The first worker may still be reading the text.
        worker = _started(control.receive(["start"], patient=True), ring)
        control.send(Message("ready"))
        return _obey(worker, control)


def _started(start: Message, ring: Ring) -> PartWorker:
    settings = from_dict("words", dict(start.values["settings"]))
    assert isinstance(settings, WordsSettings)
    part = BatchPart(*start.values["part"])
    network = LstmNetwork(settings, int(start.values["size"]), start.values["precision"])
    steps = PartSteps(network, settings, part)
    steps.optimizer.iterations.assign(start.values["iterations"])
    worker = PartWorker(steps, ring, unpacked(start))
    worker.copy_weights()
    steps.compile(int(start.values["words"]))
    return worker


def _obey(worker: PartWorker, control: Connection) -> int:
    done = 0
    while True:
        # Between two steps the first worker may measure an epoch or save a checkpoint, for any time.
        message = control.receive(["step", "average", "states", "stop"], patient=True)
        if message.kind == "stop":
            return done
        if message.kind == "average":
            worker.average()
        elif message.kind == "states":
            control.send(packed("states", worker.carried))
        else:
            order = Order(**message.values)
            worker.step(order, message.arrays["ids"], message.arrays["targets"])
            done += 1


def packed(kind: str, states: States, **values: object) -> Message:
    """Return a message with states of streams."""
    arrays = {str(k): np.array(tensor.numpy()) for k, tensor in enumerate(states)}
    return Message(kind, values, arrays)


def unpacked(message: Message) -> States:
    """Return the states of a message."""
    return [tf.constant(message.arrays[str(k)]) for k in range(len(message.arrays))]
