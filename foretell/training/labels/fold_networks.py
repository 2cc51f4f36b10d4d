"""Networks of the folds: each is trained on the other folds and answers the texts of its own.

With so few texts the network has a fixed schedule: no text is set aside to stop it. One network is compiled;
for each fold it starts again from the same weights. Its embedding has the words of the labelled texts only:
the others do not change in training, and updating them takes most of a step's time.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.events import Note, silent
from foretell.training.labels.batches import EncodedTexts, as_read, batches, epoch_order, make_predictor
from foretell.training.labels.folds import Folds
from foretell.training.labels.network import compiled_network
from foretell.training.labels.plan import make_plan
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import LanguageModelWeights
from foretell.training.run import Run
from foretell.training.schedule import learning_rate

_EPOCHS, _STEPS = 10, 150
"""The fixed schedule: at least so many epochs and steps. 300 texts in batches of 64 make 30 epochs."""

_MARGIN = 1.25
"""Safety factor on the duration of the fold before: other programs may run on the machine too."""


def fixed_schedule(settings: LabelsSettings) -> LabelsSettings:
    """Return settings with which the network is trained without a validation set."""
    return replace(settings, epochs=_EPOCHS, min_steps=_STEPS, patience=0, keep="last")


def fold_probabilities(
    tokens: Tokens,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
    start: LanguageModelWeights | None,
) -> Probabilities | None:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Args:
        tokens: the tokenized split.
        folds: of its training texts. A text that is never held out has the same probability for each label.
        settings: the network, with a fixed schedule.
        run: the training in progress.
        start: a language model that each network starts from, or None.

    Returns:
        The probabilities; None where the time limit leaves no time for all folds and the network itself.
    """
    everything = _texts(tokens, np.ones(len(tokens.train.targets), bool), settings)
    words = np.union1d(everything.ids, 0)
    network = _compact(compiled_network(tokens, settings, start, silent), words, tokens, settings)
    n_labels = len(tokens.labels)
    result = np.full((len(tokens.train.targets), n_labels), 1 / n_labels, np.float32)
    variables = [*network.variables, *network.optimizer.variables]
    first = [variable.numpy() for variable in variables]
    predict = make_predictor(network, everything.length)
    for fold, (rows, held) in enumerate(folds):
        began = time.monotonic()
        for variable, value in zip(variables, first, strict=True):
            variable.assign(value)
        _train(network, _renumbered(_texts(tokens, rows, settings), words), settings)
        result[held] = predict(_renumbered(_texts(tokens, held, settings), words), settings.batch_size)
        seconds = _MARGIN * (time.monotonic() - began) * (folds.count - fold)
        if run.budget.left() < seconds + SECONDS_TO_WRITE:
            text = "the time limit is too short for out-of-fold predictions of the network: it is left out"
            run.options.listener(Note(text=text))
            return None
    return result


def _compact(network: Any, words: npt.NDArray[np.int32], tokens: Tokens, settings: LabelsSettings) -> Any:
    """Return the network with the embeddings of some words only, compiled."""
    from foretell.networks.labels import labels_network
    from foretell.training.labels.network_fit import compile_network

    n_labels = len(tokens.labels)
    small = labels_network(settings, len(words), n_labels)
    for target, source in zip(small.variables, network.variables, strict=True):
        value = source.numpy()
        target.assign(value if value.shape == target.shape else value[words])
    compile_network(small, settings, n_labels)
    return small


def _renumbered(texts: EncodedTexts, words: npt.NDArray[np.int32]) -> EncodedTexts:
    """Return texts whose ids are places among `words`, [word], ascending."""
    return replace(texts, ids=np.searchsorted(words, texts.ids).astype(np.int32))


def _train(network: Any, texts: EncodedTexts, settings: LabelsSettings) -> None:
    """Train a compiled network from its first step to its last, all epochs in one call of `fit`.

    Each call makes the input pipeline anew, which takes longer than an epoch of few texts.
    """
    import keras

    epochs = make_plan(settings, len(texts)).epochs
    orders = [
        epoch_order(texts, settings.batch_size, seed=settings.seed, epoch=epoch) for epoch in range(epochs)
    ]
    order = np.concatenate(orders)
    steps = math.ceil(len(order) / settings.batch_size)

    class Rate(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            del logs
            self.model.optimizer.learning_rate = learning_rate(batch, steps, settings.learning_rate)

    data = batches(texts, order, settings.batch_size)
    network.fit(data, shuffle=False, verbose=0, callbacks=[Rate()])


def _texts(tokens: Tokens, rows: npt.NDArray[np.bool_], settings: LabelsSettings) -> EncodedTexts:
    """Return some of the labelled training texts as the network reads them."""
    train = tokens.train
    weights = None if train.weights is None else train.weights[rows]
    return as_read(
        train.texts.select(rows),
        train.targets[rows],
        len(tokens.labels),
        tokens.tokenizer,
        settings,
        weights=weights,
    )
