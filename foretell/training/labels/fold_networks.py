"""Networks of the folds: each is trained on the other folds and answers the texts of its own.

With so few texts the network has a fixed schedule: no text is set aside to stop it. One network is compiled;
for each fold it starts again from the same weights.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings, with_changes
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.events import Note, Stage
from foretell.training.labels.batches import EncodedTexts, as_read, batches, epoch_order, make_predictor
from foretell.training.labels.compiled import CompactNetwork, compact_network
from foretell.training.labels.folds import Folds
from foretell.training.labels.network import initialised_network
from foretell.training.labels.plan import make_plan
from foretell.training.labels.tokenized import LabelledTokens
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import Start
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


def few_labels_network(
    tokens: Tokens, settings: LabelsSettings, run: Run, start: Start | None
) -> CompactNetwork:
    """Return the network that is trained on each fold, and then on all labelled texts.

    Args:
        tokens: the tokenized split.
        settings: the network.
        run: the training in progress.
        start: a language model or classifier that the network starts from, or None.
    """
    known = [_texts(tokens.train, None, tokens, settings).ids]
    if tokens.valid is not None:
        known.append(_texts(tokens.valid, None, tokens, settings).ids)
    words = np.unique(np.concatenate([[0], *known])).astype(np.int32)
    network = initialised_network(tokens, settings, start, run.options.listener)
    is_soft = tokens.train.soft is not None
    return compact_network(network, words, settings, len(tokens.labels), soft=is_soft)


def fold_probabilities(
    network: CompactNetwork,
    tokens: Tokens,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
) -> Probabilities | None:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Those of an interrupted run are returned as they are.

    Args:
        network: the network; each fold begins with its first values, which it has at the end again.
        tokens: the tokenized split.
        folds: of its training texts. A text that is never held out has the same probability for each label.
        settings: the network, with a fixed schedule.
        run: the training in progress.

    Returns:
        The probabilities; None where no text is held out, or the time limit leaves no time for all folds and
        the network itself.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and NETWORK in checkpoint.arrays:
        return checkpoint.arrays[NETWORK].astype(np.float32, copy=False)
    if not folds.held.any():
        return None
    run.options.listener(Note(text=f"training the network on {folds.count} folds"))
    n_labels = len(tokens.labels)
    result = np.full((len(tokens.train.targets), n_labels), 1 / n_labels, np.float32)
    predict, steps = None, math.inf
    try:
        for fold, (rows, held) in enumerate(folds):
            name = f"network on folds: {fold} of {folds.count}"
            run.options.listener(Stage(name=name, done=0.4 + 0.3 * fold / folds.count))
            texts = network.renumbered(_texts(tokens.train, rows, tokens, settings))
            predict = predict or make_predictor(network.model, texts.length)
            network.restart()
            # The other folds, and the network of all texts.
            steps = _train(network.model, texts, settings, run, steps, after=folds.count - fold)
            if not steps:
                run.options.listener(Note(text=_TOO_SHORT))
                return None
            asked = network.renumbered(_texts(tokens.train, held, tokens, settings))
            found = predict(asked, settings.batch_size)
            result[held] = found if tokens.balance is None else tokens.balance.corrected(found)
    finally:
        network.restart()
    return result


def _train(
    network: Any, texts: EncodedTexts, settings: LabelsSettings, run: Run, limit: float, *, after: int
) -> int:
    """Train a compiled network from its first step to its last, all epochs in one call of `fit`.

    Each call makes the input pipeline anew, which takes longer than an epoch of few texts. Where this network
    and those after it would not fit in the time limit, all of them have fewer steps.

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
    import keras

    epochs = make_plan(settings, len(texts)).epochs
    orders = [
        epoch_order(texts, settings.batch_size, seed=settings.seed, epoch=epoch) for epoch in range(epochs)
    ]
    order = np.concatenate(orders)
    planned = math.ceil(len(order) / settings.batch_size)

    class Follow(keras.callbacks.Callback):  # type: ignore[misc]
        began, steps = 0.0, int(min(planned, limit))

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            del logs
            self.model.optimizer.learning_rate = learning_rate(batch, self.steps, settings.learning_rate)
            if batch == _UNTYPICAL:
                self.began = time.monotonic()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            del logs
            done = batch + 1
            if done > _UNTYPICAL and done >= min(_MEASURED, planned // 2):
                pace = _MARGIN * (time.monotonic() - self.began) / (done - _UNTYPICAL)
                fitting = max(0.0, run.budget.left() - SECONDS_TO_WRITE) / max(pace, 1e-9)
                self.steps = int(min(self.steps, (done + fitting) / (1 + after)))
                self.steps = self.steps if self.steps >= _MIN_SHARE * planned else 0
            self.model.stop_training = done >= self.steps

    follow = Follow()
    data = batches(texts, order, settings.batch_size)
    network.fit(data, shuffle=False, verbose=0, callbacks=[follow])
    if 0 < follow.steps < min(planned, limit):
        text = f"the time limit shortens the networks of the folds: {follow.steps} instead of {planned} steps"
        run.options.listener(Note(text=text))
    return follow.steps


def _texts(
    labelled: LabelledTokens, rows: npt.NDArray[np.bool_] | None, tokens: Tokens, settings: LabelsSettings
) -> EncodedTexts:
    """Return some of the labelled texts, or with `rows` None all, as the network reads them."""
    texts, targets, weights, soft = labelled.texts, labelled.targets, labelled.weights, labelled.soft
    if rows is not None:
        texts, targets = texts.select(rows), targets[rows]
        soft = None if soft is None else soft[rows]
        weights = None if weights is None else weights[rows]
    return as_read(texts, targets, len(tokens.labels), tokens.tokenizer, settings, soft, weights)
