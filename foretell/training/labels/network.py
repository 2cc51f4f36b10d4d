"""The network of a classifier: the weights that it begins with, its texts, its training, and that on folds.

With few texts each network of a fold is trained on the other folds and answers the texts of its own. It then
has a fixed schedule: no text is set aside to stop it. It is compiled once, for the folds and for all texts;
for each it starts again from the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from foretell.arrays import Array, Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings, with_changes
from foretell.training.budget import SECONDS_TO_WRITE, learning_rate
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.batches import EncodedTexts, as_read, epoch_order
from foretell.training.labels.compiled import CompactNetwork
from foretell.training.labels.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.folds import Folds
from foretell.training.labels.network_fit import EMBEDDINGS, Fitting, Standing, make_plan
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import LabelledTokens

MIN_TOKENS = 20_000
"""Below 20,000 tokens co-occurrence counts are noise."""

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

_MANY_TEXTS, _ENOUGH_FOLDS = 500, 3
"""From this many texts with one label each, the networks of three folds are trained instead of five: the
ensemble's weight for the network and the accuracy stay the same (docs/experiments.md)."""

_MIN_SHARE = 1 / 4
"""The part of the steps below which a network would learn too little: it is then left out."""

# With less than this part of the time limit left for the network, a longer limit is recommended.
_MIN_TIME_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """The network after training, and its probabilities of the validation texts [text, label], or None."""

    weights: Weights
    valid: Probabilities | None
    standing: Standing


def read_by_network(part: LabelledTokens, training: Training) -> EncodedTexts:
    """Return texts as the network of a training reads them."""
    tokens = training.tokens
    return as_read(part, len(tokens.labels), tokens.tokenizer, training.settings)


def _valid_texts(training: Training) -> EncodedTexts | None:
    """Return the validation texts as the network reads them, or None; their weights have no effect."""
    valid = training.tokens.valid
    return None if valid is None else read_by_network(replace(valid, weights=None), training)


def make_network(train: EncodedTexts, training: Training, ancestor: Ancestor | None) -> CompactNetwork:
    """Return the network with the weights that its training on the texts `train` starts from.

    These are those of `ancestor`, the classifier that is continued, where there is one.

    Raises:
        SettingsError: a network that is too large to be saved.
    """
    from foretell.networks.labels import labels_network

    tokens, settings = training.tokens, training.settings
    n_labels, tokenizer = len(tokens.labels), tokens.tokenizer
    size = network_size(settings, tokenizer)
    check_size(settings, size, n_labels)
    whole = labels_network(settings, size, n_labels)
    if training.stages.network is not None:
        whole.get_layer("embedding").embeddings.assign(training.stages.network.arrays[EMBEDDINGS])
    elif ancestor is not None:
        shared = take_over_classifier(whole, tokens.labels, ancestor.model)
        words = ancestor.new_words(tokenizer, settings)
        training.note(f"continued from {ancestor.name}: {shared:,} embeddings are kept; {words}")
    elif settings.is_bidirectional:
        initialise_embeddings(whole, training)
    valid = _valid_texts(training)
    read = [np.zeros(1, np.int32), train.ids, *([] if valid is None else [valid.ids])]
    words_read = np.unique(np.concatenate(read))
    is_soft = train.soft is not None
    return CompactNetwork(whole, words_read, settings, n_labels, soft=is_soft, balance=tokens.balance)


def initialise_embeddings(network: Any, training: Training) -> None:
    """Initialise the embeddings from co-occurrence statistics, where there are enough tokens for them.

    Word vectors from outside, where there are any, take the last half of the dimensions. Words that occur
    near no other word, and have no vector, keep their random embedding.
    """
    tokens, texts = training.tokens, training.tokens.all_texts
    weights = network.get_layer("embedding").embeddings
    first, (size, width) = tokens.tokenizer.specials, weights.shape
    values: Array = weights.numpy()
    outside = None if tokens.vectors is None else tokens.vectors.reduced(texts.ids, size, width // 2)
    own = width if outside is None else width - outside.shape[1]
    if len(texts.ids) >= MIN_TOKENS:
        embeddings, known = cooccurrence_embeddings(
            texts.ids, texts.starts, first=first, size=size, width=own, seed=training.settings.seed,
            seconds=training.run.budget.for_stage("embeddings"),
        )  # fmt: skip
        values[:, :own] = np.where(known[:, None], embeddings, values[:, :own])
        training.note(f"{known.sum():,} embeddings initialised from co-occurrence statistics")
    if outside is not None and tokens.vectors is not None:
        known = tokens.vectors.known[:size]
        scaled = SPREAD / max(float(outside[known].std()), 1e-9) * outside
        values[:, own:] = np.where(known[:, None], scaled, values[:, own:])
        training.note(f"{known.sum():,} embeddings initialised from word vectors")
    weights.assign(values)


def train_network(
    network: CompactNetwork, train: EncodedTexts, training: Training, asked: LabelsSettings, *, few: bool
) -> TrainedNetwork:
    """Train the network on some texts to the end of its plan or of its time.

    `asked` are the settings before they were adapted to the number of texts. The network has its best weights
    at the end; with `few` texts, which are no evidence for an epoch, and as the article's the last ones. The
    run's latest checkpoint is continued, and new ones are written there.

    Raises:
        Interrupted: training was stopped; a checkpoint is on disk.
        RunError: a checkpoint could not be written, or the loss is not finite.
    """
    settings, run = training.settings, training.run
    training.begin("network", 0.15)
    plan = make_plan(settings, len(train), run.options.given)
    # What adapts to the number of texts, from the values that `info` shows.
    epochs, sizes = (plan.epochs, asked.epochs), (settings.batch_size, asked.batch_size)
    pairs = (("epochs", *epochs), ("texts in a batch", *sizes))
    if changes := [f"{now:,} {what} instead of {before:,}" for what, now, before in pairs if now != before]:
        text = f"{len(train):,} labelled texts: the network is trained for {plan.steps:,} steps"
        training.note(f"{text}, {', '.join(changes)}")
    valid = _valid_texts(training)
    keeps_best = not (few or settings.follows_article)
    fitting = Fitting(network, settings, plan, train, valid, training.stages, keeps_best)
    if (checkpoint := training.stages.network) is not None:
        fitting.restore(checkpoint)
        training.note(f"resumed after step {checkpoint.step:,} of {plan.steps:,}")
    run.budget.keep(fitting.seconds_to_end())
    if run.budget.left() < _MIN_TIME_SHARE * 60 * settings.minutes:
        spent, minutes = run.budget.seconds(), math.ceil(run.budget.seconds() / 30)
        text = f"{spent:.0f} of {60 * settings.minutes:.0f} seconds were used before the network's training"
        training.note(f"{text}; --minutes {minutes:g} or more is recommended")
    with run.interrupt.deferred():
        fitting.fit()
    return TrainedNetwork(
        weights=network.weights(),
        valid=None if valid is None else fitting.predict(valid),
        standing=fitting.standing,
    )


def fixed_schedule(settings: LabelsSettings, given: frozenset[str]) -> LabelsSettings:
    """Return settings with which the network is trained without a validation set; those given stay."""
    adapted = {
        "batch_size": min(settings.batch_size, _MAX_BATCH),
        "epochs": _EPOCHS,
        "min_steps": 1 if "epochs" in given else _STEPS,
        "patience": 0,
    }
    return with_changes(settings, {name: value for name, value in adapted.items() if name not in given})


def fold_probabilities(
    network: CompactNetwork, folds: Folds, training: Training, pays: Callable[[Probabilities, int], bool]
) -> Probabilities:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Each fold begins with the network's first values, which it has at the end again. A text that is never held
    out has the same probability for each label; of many texts some folds are enough, and NaN is the answer to
    the texts of the others. There are none, [0, label], where no text is held out, the
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
    n_texts, n_labels = len(tokens.train.targets), len(tokens.labels)
    if n_texts >= _MANY_TEXTS and tokens.train.targets.ndim == 1:
        count = min(count, _ENOUGH_FOLDS)
    nothing = np.zeros((0, n_labels), np.float32)
    if not folds.held.any():
        return nothing
    training.note(f"training the network on {count}{f' of {folds.count}' * (count < folds.count)} folds")
    result = np.full((n_texts, n_labels), 1 / n_labels, np.float32)
    steps = math.inf
    try:
        for fold, (rows, held) in enumerate(islice(folds, count)):
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
    result[folds.fold_of >= count] = np.nan
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
