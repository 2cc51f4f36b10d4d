"""The network of a classifier: the weights that it begins with, its texts, and its training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foretell.arrays import Array, Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.batches import EncodedTexts, as_read
from foretell.training.labels.compiled import CompactNetwork
from foretell.training.labels.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.network_fit import EMBEDDINGS, Fitting
from foretell.training.labels.plan import Standing, make_plan
from foretell.training.labels.stages import Training
from foretell.training.labels.tokenized import LabelledTokens

MIN_TOKENS = 20_000
"""Below 20,000 tokens co-occurrence counts are noise."""

# With less than this part of the time limit left for the network, a longer limit is recommended.
_MIN_TIME_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """The network after training.

    Attributes:
        weights: its weights, by name.
        valid: its probabilities of the validation texts [text, label], or None.
        standing: steps, epochs, losses and seconds at the end.
    """

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
    elif settings.cooccurrence_embeddings:
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
    outside = None if tokens.vectors is None else tokens.vectors.reduced(texts, size, width // 2)
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
    network: CompactNetwork, train: EncodedTexts, training: Training, asked: LabelsSettings
) -> TrainedNetwork:
    """Train the network on some texts to the end of its plan or of its time.

    `asked` are the settings before they were adapted to the number of texts. The run's latest checkpoint is
    continued, and new ones are written there.

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
    fitting = Fitting(network, settings, plan, train, valid, training.stages)
    if (checkpoint := training.stages.network) is not None:
        fitting.restore(checkpoint)
        run.rewind(checkpoint.step)
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
