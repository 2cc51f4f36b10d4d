"""Step 5 of a classifier's training: the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Listener, Note, Stage
from foretell.training.labels.batches import EncodedTexts, as_read
from foretell.training.labels.compiled import CompactNetwork, compile_network
from foretell.training.labels.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.plan import Plan, Standing, make_plan
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import Start, initialise_from
from foretell.training.run import Run

if TYPE_CHECKING:
    from foretell.training.labels.network_fit import Fitting

Arrays = dict[str, npt.NDArray[Any]]

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


def train_network(
    tokens: Tokens,
    train: EncodedTexts,
    settings: LabelsSettings,
    run: Run,
    *,
    start: Start | None,
    also_saved: Arrays | None = None,
    compact: CompactNetwork | None = None,
    asked: LabelsSettings | None = None,
) -> TrainedNetwork:
    """Train the network to the end of its plan or of its time.

    Args:
        tokens: the tokenized split.
        train: the texts to train on.
        settings: the network and its training.
        run: its latest checkpoint is continued, and new ones are written there.
        start: a language model or classifier to start from, or None.
        also_saved: arrays of earlier steps that every checkpoint contains.
        compact: the network to train; None: one with the embeddings of all words.
        asked: the settings before they were adapted to the number of texts; None: `settings`.

    Raises:
        SettingsError: a network that is too large to be saved.
        Interrupted: training was stopped; a checkpoint is on disk.
        RunError: a checkpoint could not be written, or the loss is not finite.
    """
    from foretell.networks import weights_of

    listener = run.options.listener
    listener(Stage(name="network", done=0.15))
    checkpoint = network_checkpoint(run)
    fitting = _prepare(
        tokens, train, settings, start, run, compact, asked or settings, is_resumed=checkpoint is not None
    )
    fitting.also_saved = also_saved or {}
    if checkpoint is not None:
        fitting.restore(checkpoint)
        run.rewind(checkpoint.step)
        listener(Note(text=f"resumed after step {checkpoint.step:,} of {fitting.plan.steps:,}"))
    run.budget.keep(fitting.seconds_to_end())
    _warn_if_late(run.budget, settings, listener)
    with run.interrupt.deferred():
        fitting.fit()
    valid = None if fitting.valid is None else fitting.predict(fitting.valid)
    weights = weights_of(fitting.model) if compact is None else compact.weights()
    if tokens.balance is not None:
        bias = weights["output/bias"]
        weights["output/bias"] = bias + tokens.balance.bias(len(bias))
    return TrainedNetwork(weights=weights, valid=valid, standing=fitting.standing)


def network_checkpoint(run: Run) -> Checkpoint | None:
    """Return the run's latest checkpoint where it was taken during the network's training."""
    checkpoint = run.checkpoints.latest()
    return checkpoint if checkpoint is not None and "epoch" in checkpoint.state else None


def labelled_texts(tokens: Tokens, settings: LabelsSettings) -> EncodedTexts:
    """Return the labelled training texts as the network reads them."""
    train, n_labels = tokens.train, len(tokens.labels)
    return as_read(
        train.texts, train.targets, n_labels, tokens.tokenizer, settings, train.soft, train.weights
    )


def _prepare(
    tokens: Tokens,
    train: EncodedTexts,
    settings: LabelsSettings,
    start: Start | None,
    run: Run,
    compact: CompactNetwork | None,
    asked: LabelsSettings,
    *,
    is_resumed: bool,
) -> Fitting:
    """Build and compile the network, with the weights that it starts from; a checkpoint replaces them."""
    from foretell.training.labels.network_fit import Fitting

    n_labels, tokenizer = len(tokens.labels), tokens.tokenizer
    plan = make_plan(settings, len(train), run.options.given)
    _report_plan(plan, settings, asked, len(train), run.options.listener)
    valid = tokens.valid
    encoded = None if valid is None else as_read(valid.texts, valid.targets, n_labels, tokenizer, settings)
    if compact is None:
        network = initialised_network(tokens, settings, start, run.options.listener, is_resumed=is_resumed)
        compile_network(network, settings, n_labels, soft=train.soft is not None)
    else:
        network, train = compact.model, compact.renumbered(train)
        encoded = None if encoded is None else compact.renumbered(encoded)
    return Fitting(
        model=network,
        settings=settings,
        plan=plan,
        train=train,
        valid=encoded,
        run=run,
        balance=tokens.balance,
    )


def initialised_network(
    tokens: Tokens,
    settings: LabelsSettings,
    start: Start | None,
    listener: Listener,
    *,
    is_resumed: bool = False,
) -> Any:
    """Return the network with the weights that its training starts from.

    Args:
        tokens: the tokenized split.
        settings: the network and its training.
        start: a language model or classifier to start from, or None.
        listener: is called with a note on where the embeddings come from.
        is_resumed: leave the weights random, because a checkpoint replaces them.

    Raises:
        SettingsError: a network that is too large to be saved.
    """
    from foretell.networks.labels import labels_network

    n_labels, tokenizer = len(tokens.labels), tokens.tokenizer
    size = network_size(settings, tokenizer)
    check_size(settings, size, n_labels)
    network = labels_network(settings, size, n_labels)
    if start is not None:
        listener(Note(text=initialise_from(start, network, tokenizer, settings, tokens.labels)))
    elif settings.cooccurrence_embeddings and not is_resumed:
        initialise_embeddings(network, tokens, settings.seed, listener)
    return network


def initialise_embeddings(network: Any, tokens: Tokens, seed: int, listener: Listener) -> None:
    """Initialise the embeddings from co-occurrence statistics, where there are enough tokens for them.

    Word vectors from outside, where there are any, take the last half of the dimensions. Words that occur
    near no other word, and have no vector, keep their random embedding.
    """
    texts = tokens.all_texts
    weights = network.get_layer("embedding").embeddings
    first, (size, width) = tokens.tokenizer.specials, weights.shape
    values = weights.numpy()
    outside = None if tokens.vectors is None else tokens.vectors.reduced(texts, size, width // 2)
    own = width if outside is None else width - outside.shape[1]
    if len(texts.ids) >= MIN_TOKENS:
        embeddings, known = cooccurrence_embeddings(
            texts.ids, texts.starts, first=first, size=size, width=own, seed=seed
        )
        values[:, :own] = np.where(known[:, None], embeddings, values[:, :own])
        listener(Note(text=f"{known.sum():,} embeddings initialised from co-occurrence statistics"))
    if outside is not None and tokens.vectors is not None:
        known = tokens.vectors.known[:size]
        scaled = SPREAD / max(float(outside[known].std()), 1e-9) * outside
        values[:, own:] = np.where(known[:, None], scaled, values[:, own:])
        listener(Note(text=f"{known.sum():,} embeddings initialised from word vectors"))
    weights.assign(values)


def _report_plan(
    plan: Plan, settings: LabelsSettings, asked: LabelsSettings, n_texts: int, listener: Listener
) -> None:
    """State what adapts to the number of texts, from the values that `info` shows."""
    changes = [
        f"{now:,} {what} instead of {before:,}"
        for what, now, before in (
            ("epochs", plan.epochs, asked.epochs),
            ("texts in a batch", settings.batch_size, asked.batch_size),
        )
        if now != before
    ]
    if changes:
        text = f"{n_texts:,} labelled texts: the network is trained for {plan.steps:,} steps"
        listener(Note(text=f"{text}, {', '.join(changes)}"))


def _warn_if_late(budget: Budget, settings: LabelsSettings, listener: Listener) -> None:
    if budget.left() < _MIN_TIME_SHARE * 60 * settings.minutes:
        spent, minutes = budget.seconds(), math.ceil(budget.seconds() / 30)
        text = f"{spent:.0f} of {60 * settings.minutes:.0f} seconds were used before the network's training"
        listener(Note(text=f"{text}; --minutes {minutes:g} or more is recommended"))
