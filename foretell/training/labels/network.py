"""The network of a classifier: the weights that it begins with, its training, and that on folds.

With few texts each network of a fold is trained on the other folds and answers the texts of its
own. It then has a fixed schedule: no text is set aside to stop it. It is compiled once, for the
folds and for all texts; for each it starts again from the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from foretell.arrays import Array, Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings, with_changes
from foretell.training.budget import SECONDS_TO_WRITE, learning_rate
from foretell.training.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.compiled import CompactNetwork, as_read, epoch_order
from foretell.training.labels.folds import Folds
from foretell.training.labels.network_fit import EMBEDDINGS, Fitting, Standing, make_plan
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import LabelledTokens

if TYPE_CHECKING:
    import keras

MIN_TOKENS = 20_000
"""Below 20,000 tokens co-occurrence counts are noise."""

_STAGE = "folds"
_ANSWERS = "network"

_EPOCHS = 10
_STEPS = 150
_MAX_BATCH = 32
"""The fixed schedule: at least so many epochs and steps, and batches of so many texts at most."""

_MARGIN = 1.25
"""Safety factor on the measured pace: other programs may run on the machine too."""

_UNTYPICAL = 2
_MEASURED = 10
"""The first steps compile functions; they do not count for the pace, which is measured up to this
step.
"""

GIVE_UP_AFTER = 2
"""Folds after which the network is left out of the ensemble where it gets next to no weight
there.
"""

_MANY_TEXTS = 500
_ENOUGH_FOLDS = 3
"""From this many texts with one label each, three folds have networks: enough
(docs/experiments.md).
"""


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """The network after training, and its probabilities of the validation texts [text, label], or
    None.
    """

    weights: Weights
    valid: Probabilities | None
    standing: Standing


def _valid_texts(training: Training) -> LabelledTokens | None:
    valid = training.tokens.valid
    return None if valid is None else as_read(valid, training)


def make_network(
    train: LabelledTokens, training: Training, ancestor: Ancestor | None
) -> CompactNetwork:
    """Return the network with the weights that training on some texts starts from: the ancestor's,
    if any.
    """
    from foretell.networks.labels import labels_network

    tokens = training.tokens
    settings = training.settings
    n_labels = len(tokens.labels)
    tokenizer = tokens.tokenizer
    size = network_size(settings, tokenizer)
    check_size(settings, size, n_labels)
    whole = labels_network(settings, size, n_labels)
    if training.stages.network is not None:
        whole.get_layer("embedding").embeddings.assign(training.stages.network.arrays[EMBEDDINGS])
    elif ancestor is not None:
        take_over_classifier(whole, tokens.labels, ancestor.model)
    elif settings.is_bidirectional:
        initialise_embeddings(whole, training)
    valid = _valid_texts(training)
    read = [np.zeros(1, np.int32), train.texts.ids, *([] if valid is None else [valid.texts.ids])]
    words_read = np.unique(np.concatenate(read))
    is_soft = train.soft is not None
    return CompactNetwork(
        whole, words_read, settings, n_labels, soft=is_soft, balance=tokens.balance
    )


def initialise_embeddings(network: keras.Model, training: Training) -> None:
    """Initialise the embeddings from co-occurrence statistics, where there are enough tokens for
    them.

    Word vectors from outside, where there are any, take the last half of the dimensions. Words that
    occur near no other word, and have no vector, keep their random embedding.
    """
    tokens = training.tokens
    texts = training.tokens.all_texts
    weights = network.get_layer("embedding").embeddings
    first, (size, width) = tokens.tokenizer.specials, weights.shape
    values: Array = weights.numpy()
    outside = (
        None if tokens.vectors is None else tokens.vectors.reduced(texts.ids, size, width // 2)
    )
    own = width if outside is None else width - outside.shape[1]
    if len(texts.ids) >= MIN_TOKENS:
        embeddings, known = cooccurrence_embeddings(
            texts.ids,
            texts.starts,
            first=first,
            size=size,
            width=own,
            seed=training.settings.seed,
            seconds=training.run.budget.for_stage("embeddings"),
        )
        values[:, :own] = np.where(known[:, None], embeddings, values[:, :own])
    if outside is not None and tokens.vectors is not None:
        known = tokens.vectors.known[:size]
        scaled = SPREAD / max(float(outside[known].std()), 1e-9) * outside
        values[:, own:] = np.where(known[:, None], scaled, values[:, own:])
    weights.assign(values)


def train_network(
    network: CompactNetwork, train: LabelledTokens, training: Training, *, few: bool
) -> TrainedNetwork:
    """Train the network on some texts to the end of its plan or of its time, from the latest
    checkpoint on.

    The network has its best weights at the end; with `few` texts, which are no evidence for an
    epoch, and as the article's the last ones.
    """
    settings = training.settings
    run = training.run
    n_texts = len(train.targets)
    training.begin("network", 0.15)
    plan = make_plan(settings, n_texts, run.options.given)
    valid = _valid_texts(training)
    keeps_best = not (few or settings.follows_article)
    fitting = Fitting(network, settings, plan, train, valid, training.stages, keeps_best)
    if (checkpoint := training.stages.network) is not None:
        fitting.restore(checkpoint)
        training.note(f"resumed after step {checkpoint.step:,} of {plan.steps:,}")
    with run.interrupt.deferred():
        fitting.fit()
    return TrainedNetwork(
        weights=network.weights(),
        valid=None if valid is None else network.predict(valid.texts),
        standing=fitting.standing,
    )


def fixed_schedule(settings: LabelsSettings, given: frozenset[str]) -> LabelsSettings:
    """Return settings with which the network is trained without a validation set; those given
    stay.
    """
    adapted = {
        "batch_size": min(settings.batch_size, _MAX_BATCH),
        "epochs": _EPOCHS,
        "min_steps": 1 if "epochs" in given else _STEPS,
        "patience": 0,
    }
    return with_changes(
        settings, {name: value for name, value in adapted.items() if name not in given}
    )


def fold_probabilities(
    network: CompactNetwork,
    folds: Folds,
    training: Training,
    pays: Callable[[Probabilities, int], bool],
) -> Probabilities:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen
    them.

    Each fold begins with the network's first values, which it has at the end again. A text that is
    never held out has the same probability for each label; NaN is the answer to texts of folds
    without a network. There are none, [0, label], where no text is held out, the time limit has no
    room for all networks, or `pays`, given the probabilities of the first folds and their number,
    shows that the network has no weight.
    """
    if before := training.stages.found(_STAGE):
        return before[_ANSWERS]
    try:
        found = _of_folds(network, folds, training, pays)
    finally:
        network.restart()
    training.stages.keep(_STAGE, {_ANSWERS: found})
    return found


def _of_folds(
    network: CompactNetwork,
    folds: Folds,
    training: Training,
    pays: Callable[[Probabilities, int], bool],
) -> Probabilities:
    tokens = training.tokens
    count = folds.count
    n_texts = len(tokens.train.targets)
    n_labels = len(tokens.labels)
    if n_texts >= _MANY_TEXTS and tokens.train.targets.ndim == 1:
        count = min(count, _ENOUGH_FOLDS)
    nothing = np.zeros((0, n_labels), np.float32)
    if not folds.held.any():
        return nothing
    result = np.full((n_texts, n_labels), 1 / n_labels, np.float32)
    steps = 0
    for fold, (rows, held) in enumerate(islice(folds, count)):
        training.begin(f"network on folds: {fold} of {count}", 0.4 + 0.3 * fold / count)
        network.restart()
        texts = as_read(tokens.train.select(rows), training)
        # Others follow: those of the other folds, and the network of all texts.
        steps = _train_fold(network, texts, training, steps, count - fold)
        if not steps:
            text = "the time limit is too short for out-of-fold predictions of the network"
            training.note(f"{text}: it is left out")
            return nothing
        result[held] = network.predict(as_read(tokens.train.select(held), training).texts)
        if fold + 1 == GIVE_UP_AFTER < count and not pays(result, GIVE_UP_AFTER):
            text = f"the network has next to no weight after {GIVE_UP_AFTER} of {count} folds"
            training.note(f"{text}: the linear models decide")
            return nothing
    result[folds.fold_of >= count] = np.nan
    return result


def _train_fold(
    network: CompactNetwork, texts: LabelledTokens, training: Training, steps: int, after: int
) -> int:
    """Train a network for `steps` steps at most (0: those of its plan); return how many.

    Returned is 0 where the time limit has no room for it and for the `after` ones that follow.
    """
    settings = training.settings
    run = training.run
    size = settings.batch_size
    epochs = range(make_plan(settings, len(texts.targets)).epochs)
    order = np.concatenate([epoch_order(texts.texts, settings, epoch) for epoch in epochs])
    planned = math.ceil(len(order) / size)
    began = 0.0
    steps = min(planned, steps or planned)
    for done in range(steps):
        if done == _UNTYPICAL:
            began = time.monotonic()
        elif done > _UNTYPICAL and done >= min(_MEASURED, steps // 2):
            pace = _MARGIN * (time.monotonic() - began) / (done - _UNTYPICAL)
            if pace * ((1 + after) * steps - done) > run.budget.left() - SECONDS_TO_WRITE:
                return 0
        places = order[done * size : (done + 1) * size]
        network.step(texts, places, learning_rate(done, steps, settings.learning_rate))
        run.interrupt.check()
    return steps
