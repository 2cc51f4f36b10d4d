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
from foretell.training.labels.batches import EncodedTexts, epoch_order
from foretell.training.labels.compiled import CompactNetwork
from foretell.training.labels.folds import Folds
from foretell.training.labels.network import read_by_network
from foretell.training.labels.plan import make_plan
from foretell.training.labels.stages import Training
from foretell.training.schedule import learning_rate

_STAGE, _ANSWERS = "folds", "network"

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
    network: CompactNetwork, folds: Folds, training: Training, pays: Callable[[Probabilities, int], bool]
) -> Probabilities:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Each fold begins with the network's first values, which it has at the end again. A text that is never held
    out has the same probability for each label. There are none, [0, label], where no text is held out, the
    time limit leaves no time for all folds and the network itself, or `pays`, given the probabilities of the
    first folds and their number, tells that the network has no weight in the ensemble.
    """
    if before := training.stages.found(_STAGE):
        return before[_ANSWERS]
    found = _trained(network, folds, training, pays)
    training.stages.keep(_STAGE, {_ANSWERS: found})
    return found


def _trained(
    network: CompactNetwork, folds: Folds, training: Training, pays: Callable[[Probabilities, int], bool]
) -> Probabilities:
    tokens, count = training.tokens, folds.count
    n_labels = len(tokens.labels)
    nothing = np.zeros((0, n_labels), np.float32)
    if not folds.held.any():
        return nothing
    training.note(f"training the network on {count} folds")
    result = np.full((len(tokens.train.targets), n_labels), 1 / n_labels, np.float32)
    steps = math.inf
    try:
        for fold, (rows, held) in enumerate(folds):
            training.begin(f"network on folds: {fold} of {count}", 0.4 + 0.3 * fold / count)
            network.restart()
            # The other folds, and the network of all texts.
            texts = read_by_network(tokens.train.select(rows), training)
            steps = _train(network, texts, training, steps, count - fold)
            if not steps:
                training.note(_TOO_SHORT)
                return nothing
            of_fold = read_by_network(tokens.train.select(held), training)
            result[held] = network.predict(of_fold, training.settings.batch_size)
            if fold + 1 == GIVE_UP_AFTER < count and not pays(result, GIVE_UP_AFTER):
                text = f"the network has next to no weight after {GIVE_UP_AFTER} of {count} folds"
                training.note(f"{text}: the linear models decide")
                return nothing
    finally:
        network.restart()
    return result


def _train(network: CompactNetwork, texts: EncodedTexts, training: Training, limit: float, after: int) -> int:
    """Train a network for `limit` steps at most; return its steps, 0 where there is time for too few.

    Where this network and the `after` ones that follow would not fit in the time limit, all of them have
    fewer steps.
    """
    settings, run = training.settings, training.run
    size, epochs = settings.batch_size, range(make_plan(settings, len(texts)).epochs)
    order = np.concatenate([epoch_order(texts, size, seed=settings.seed, epoch=epoch) for epoch in epochs])
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
        training.note(
            f"the time limit shortens the networks of the folds: {steps} instead of {planned} steps"
        )
    return steps
