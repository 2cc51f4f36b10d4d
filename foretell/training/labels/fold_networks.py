"""Networks of the folds: each is trained on the other folds and answers the texts of its own.

With so few texts the network has a fixed schedule: no text is set aside to stop it. It is compiled once, for
the folds and for all texts; for each it starts again from the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings, with_changes
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.events import Note, Stage
from foretell.training.labels.batches import EncodedTexts, epoch_order
from foretell.training.labels.compiled import CompactNetwork
from foretell.training.labels.folds import Folds
from foretell.training.labels.network import labelled_texts
from foretell.training.labels.plan import make_plan
from foretell.training.labels.tokens import Tokens
from foretell.training.run import Run
from foretell.training.schedule import learning_rate

NETWORK = "folds/network"
"""Where a checkpoint has the answers of all folds."""

_EPOCHS, _STEPS, _MAX_BATCH = 10, 150, 32
"""The fixed schedule: at least so many epochs and steps, and batches of so many texts at most.

Batches of 64 take twice the time for the same accuracy (docs/experiments.md).
"""

_TOO_SHORT = "the time limit is too short for out-of-fold predictions of the network: it is left out"

_MARGIN = 1.25
"""Safety factor on the pace: other programs may run on the machine too."""

_UNTYPICAL, _MEASURED = 2, 10
"""The first steps compile functions; they do not count for the pace, which is measured up to this step."""

GIVE_UP_AFTER = 2
"""Folds after which the network is left out of the ensemble where it gets next to no weight there."""

_MIN_SHARE = 1 / 4
"""The part of the steps below which a network would learn too little: it is then left out."""


def fixed_schedule(settings: LabelsSettings, given: frozenset[str]) -> LabelsSettings:
    """Return settings with which the network is trained without a validation set; those given stay."""
    adapted = {
        "batch_size": min(settings.batch_size, _MAX_BATCH),
        "epochs": _EPOCHS,
        "min_steps": 1 if "epochs" in given else _STEPS,
        "patience": 0,
        "keep": "last",
    }
    return with_changes(settings, {name: value for name, value in adapted.items() if name not in given})


def fold_probabilities(
    network: CompactNetwork,
    tokens: Tokens,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
    pays: Callable[[Probabilities, int], bool],
) -> Probabilities:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Those of an interrupted run are returned as they are.

    Args:
        network: the network; each fold begins with its first values, which it has at the end again.
        tokens: the tokenized split.
        folds: of its training texts. A text that is never held out has the same probability for each label.
        settings: the network, with a fixed schedule.
        run: the training in progress.
        pays: whether the network has a weight in the ensemble, by the probabilities of the first folds, and
            their number.

    Returns:
        The probabilities; [0, label] where no text is held out, the time limit leaves no time for all folds
        and the network itself, or the first folds show that it has no weight.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and NETWORK in checkpoint.arrays:
        return checkpoint.arrays[NETWORK].astype(np.float32, copy=False)
    nothing = np.zeros((0, len(tokens.labels)), np.float32)
    if not folds.held.any():
        return nothing
    run.options.listener(Note(text=f"training the network on {folds.count} folds"))
    result = np.full((len(tokens.train.targets), len(tokens.labels)), 1 / len(tokens.labels), np.float32)
    steps = math.inf
    try:
        for fold, (rows, held) in enumerate(folds):
            name = f"network on folds: {fold} of {folds.count}"
            run.options.listener(Stage(name=name, done=0.4 + 0.3 * fold / folds.count))
            network.restart()
            # The other folds, and the network of all texts.
            texts = labelled_texts(tokens, settings, rows)
            steps = _train(network, texts, settings, run, steps, after=folds.count - fold)
            if not steps:
                run.options.listener(Note(text=_TOO_SHORT))
                return nothing
            result[held] = network.predict(labelled_texts(tokens, settings, held), settings.batch_size)
            if fold + 1 == GIVE_UP_AFTER < folds.count and not pays(result, GIVE_UP_AFTER):
                text = f"the network has next to no weight after {GIVE_UP_AFTER} of {folds.count} folds"
                run.options.listener(Note(text=f"{text}: the linear models decide"))
                return nothing
    finally:
        network.restart()
    return result


def _train(
    network: CompactNetwork,
    texts: EncodedTexts,
    settings: LabelsSettings,
    run: Run,
    limit: float,
    *,
    after: int,
) -> int:
    """Train a network from its first step to its last.

    Where this network and those after it would not fit in the time limit, all of them have fewer steps.

    Args:
        network: the network.
        texts: to train on.
        settings: the network and its schedule.
        run: its time limit.
        limit: maximum number of steps.
        after: how many networks are trained after this one.

    Returns:
        The steps of the training; 0: the time limit leaves time for too few.
    """
    epochs, size = make_plan(settings, len(texts)).epochs, settings.batch_size
    order = np.concatenate(
        [epoch_order(texts, size, seed=settings.seed, epoch=epoch) for epoch in range(epochs)]
    )
    planned = math.ceil(len(order) / size)
    steps, done, began = int(min(planned, limit)), 0, 0.0
    while done < steps:
        if done == _UNTYPICAL:
            began = time.monotonic()
        places = order[done * size : (done + 1) * size]
        network.step(texts, places, learning_rate(done, steps, settings.learning_rate))
        done += 1
        run.interrupt.check()
        if done > _UNTYPICAL and done >= min(_MEASURED, planned // 2):
            pace = _MARGIN * (time.monotonic() - began) / (done - _UNTYPICAL)
            fitting = max(0.0, run.budget.left() - SECONDS_TO_WRITE) / max(pace, 1e-9)
            steps = int(min(steps, (done + fitting) / (1 + after)))
            steps = steps if steps >= _MIN_SHARE * planned else 0
    if 0 < steps < min(planned, limit):
        text = f"the time limit shortens the networks of the folds: {steps} instead of {planned} steps"
        run.options.listener(Note(text=text))
    return steps
