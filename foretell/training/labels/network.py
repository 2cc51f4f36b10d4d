"""Step 5 of a classifier's training: the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Listener, Note, Stage
from foretell.training.labels.batches import EncodedTexts, as_read
from foretell.training.labels.compiled import CompactNetwork
from foretell.training.labels.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.network_fit import EMBEDDINGS, Fitting
from foretell.training.labels.plan import Plan, Standing, make_plan
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import Start, initialise_from
from foretell.training.run import Run

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
    network: CompactNetwork,
    tokens: Tokens,
    train: EncodedTexts,
    settings: LabelsSettings,
    run: Run,
    *,
    also_saved: Arrays,
    asked: LabelsSettings,
) -> TrainedNetwork:
    """Train the network to the end of its plan or of its time.

    Args:
        network: the network, with the values that its training begins with.
        tokens: the tokenized split.
        train: the texts to train on.
        settings: the network and its training.
        run: its latest checkpoint is continued, and new ones are written there.
        also_saved: arrays of earlier steps that every checkpoint contains.
        asked: the settings before they were adapted to the number of texts.

    Raises:
        Interrupted: training was stopped; a checkpoint is on disk.
        RunError: a checkpoint could not be written, or the loss is not finite.
    """
    listener = run.options.listener
    listener(Stage(name="network", done=0.15))
    plan = make_plan(settings, len(train), run.options.given)
    _report_plan(plan, settings, asked, len(train), listener)
    fitting = Fitting(
        network=network,
        settings=settings,
        plan=plan,
        train=train,
        valid=_valid_texts(tokens, settings),
        run=run,
        also_saved=also_saved,
    )
    if (checkpoint := network_checkpoint(run)) is not None:
        fitting.restore(checkpoint)
        run.rewind(checkpoint.step)
        listener(Note(text=f"resumed after step {checkpoint.step:,} of {plan.steps:,}"))
    run.budget.keep(fitting.seconds_to_end())
    _warn_if_late(run.budget, settings, listener)
    with run.interrupt.deferred():
        fitting.fit()
    valid = None if fitting.valid is None else fitting.predict(fitting.valid)
    return TrainedNetwork(weights=network.weights(), valid=valid, standing=fitting.standing)


def network_checkpoint(run: Run) -> Checkpoint | None:
    """Return the run's latest checkpoint where it was taken during the network's training."""
    checkpoint = run.checkpoints.latest()
    return checkpoint if checkpoint is not None and "epoch" in checkpoint.state else None


def labelled_texts(
    tokens: Tokens, settings: LabelsSettings, rows: npt.NDArray[np.bool_] | None = None
) -> EncodedTexts:
    """Return the labelled training texts, or those of them in `rows` [text], as the network reads them."""
    train, n_labels = tokens.train, len(tokens.labels)
    texts, targets, soft, weights = train.texts, train.targets, train.soft, train.weights
    if rows is not None:
        texts, targets = texts.select(rows), targets[rows]
        soft = None if soft is None else soft[rows]
        weights = None if weights is None else weights[rows]
    return as_read(texts, targets, n_labels, tokens.tokenizer, settings, soft, weights)


def _valid_texts(tokens: Tokens, settings: LabelsSettings) -> EncodedTexts | None:
    """Return the validation texts as the network reads them, or None."""
    valid, n_labels = tokens.valid, len(tokens.labels)
    if valid is None:
        return None
    return as_read(valid.texts, valid.targets, n_labels, tokens.tokenizer, settings)


def make_network(
    tokens: Tokens, train: EncodedTexts, settings: LabelsSettings, run: Run, start: Start | None
) -> CompactNetwork:
    """Return the network with the weights that its training starts from.

    Args:
        tokens: the tokenized split.
        train: the texts to train on.
        settings: the network and its training.
        run: its listener is called with a note on where the embeddings come from. Its latest checkpoint may
            have them.
        start: a language model or classifier to start from, or None.

    Raises:
        SettingsError: a network that is too large to be saved.
    """
    from foretell.networks.labels import labels_network

    n_labels, tokenizer, listener = len(tokens.labels), tokens.tokenizer, run.options.listener
    size = network_size(settings, tokenizer)
    check_size(settings, size, n_labels)
    whole = labels_network(settings, size, n_labels)
    if (checkpoint := network_checkpoint(run)) is not None:
        whole.get_layer("embedding").embeddings.assign(checkpoint.arrays[EMBEDDINGS])
    elif start is not None:
        listener(Note(text=initialise_from(start, whole, tokenizer, settings, tokens.labels)))
    elif settings.cooccurrence_embeddings:
        seconds = run.budget.for_stage("embeddings")
        initialise_embeddings(whole, tokens, settings.seed, listener, seconds)
    valid = _valid_texts(tokens, settings)
    read = [np.zeros(1, np.int32), train.ids, *([] if valid is None else [valid.ids])]
    return CompactNetwork(
        whole,
        np.unique(np.concatenate(read)),
        settings,
        n_labels,
        soft=train.soft is not None,
        balance=tokens.balance,
    )


def initialise_embeddings(
    network: Any, tokens: Tokens, seed: int, listener: Listener, seconds: float = math.inf
) -> None:
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
            texts.ids, texts.starts, first=first, size=size, width=own, seed=seed, seconds=seconds
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
