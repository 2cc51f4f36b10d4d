"""The network of a classifier: the weights that it begins with, its training, and that on folds.

The network of a fold is trained on the other folds and answers the texts of its own. Where a plan
has one fold for it, that is the network of the classifier, which these texts stop. Where it has
more, each has a fixed schedule, since no text is set aside to stop it, and one more network learns
from all texts. It is compiled once; each training starts again from the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from foretell.arrays import Float32s, Mask, Probabilities
from foretell.artifacts.weights import Weights, check_size, network_size
from foretell.config import LabelsSettings, with_changes
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.cooccurrence import SPREAD, cooccurrence_embeddings
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.compiled import (
    CompactNetwork,
    ReadTexts,
    distinct_ids,
    read_rows,
    read_texts,
)
from foretell.training.labels.members import Evidence
from foretell.training.labels.network_fit import EMBEDDINGS, TrainableNetwork, make_schedule
from foretell.training.labels.plan import Plan
from foretell.training.labels.rows import Source
from foretell.training.labels.stages import Training
from foretell.training.loop import StepMeans, StepsAhead, TrainingLoop, UnsavedLoop

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


Begin = Callable[[Mask], Float32s]
"""Gives the embeddings [word, dimension] that a network begins with, of texts, bool [text]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedNetwork:
    """The network after training.

    Attributes:
        weights: by name, the last ones or the best ones.
        loop: where the training ended.
        unseen: probabilities [held-out text, label] by networks that have not seen the text, NaN
            where its fold has no network; None: there are none.
        valid: probabilities [text, label] of the validation set; None: there is none.
    """

    weights: Weights
    loop: TrainingLoop
    unseen: Probabilities | None
    valid: Probabilities | None


def fit_network(
    rows_of: Source,
    evidence: Evidence,
    plan: Plan,
    training: Training,
    ancestor: Ancestor | None,
    pays: Callable[[Probabilities, int], bool],
) -> TrainedNetwork:
    """Train the network, first on folds where the plan has more than one for it.

    Args:
        rows_of: what it learns.
        evidence: the held-out texts.
        plan: how many folds it is trained on.
        training: the texts, the settings and the run.
        ancestor: the classifier whose weights it starts from; None: it starts anew.
        pays: whether it has weight in the ensemble, by its probabilities of the texts of the first
            folds, and their number.
    """
    inside = np.ones(len(training.corpus), bool)
    if plan.network_folds == 1:
        inside = evidence.folds.fold_of != 0
    learned = read_rows(rows_of(inside), training)
    watched = _watched(training, evidence, plan)
    network, begin = _make_network(learned, watched, training, ancestor, inside)
    unseen = None
    if plan.network_folds > 1:
        unseen = fold_probabilities(network, rows_of, evidence, plan, training, pays, begin)
    keeps_best = plan.network_folds == 1 and not training.settings.follows_article
    trainable, loop = _train(network, learned, watched, training, keeps_best=keeps_best)
    if plan.network_folds == 1 and trainable.unseen is not None:
        unseen = evidence.no_answers()
        unseen[evidence.fold_of == 0] = trainable.unseen
    valid = training.corpus.valid
    answers = None
    if valid is not None:
        answers = network.predict(read_texts(valid.tokenized, training))
    return TrainedNetwork(weights=network.weights(), loop=loop, unseen=unseen, valid=answers)


def _watched(training: Training, evidence: Evidence, plan: Plan) -> ReadTexts | None:
    """Return the texts that are measured after each epoch; None: there are none.

    They are those of the first fold, or those of a validation set, which decide nothing.
    """
    corpus = training.corpus
    if plan.network_folds == 1 and len(evidence.texts):
        return read_rows(corpus.labelled(evidence.folds.fold_of == 0), training)
    if corpus.valid is None:
        return None
    texts = read_texts(corpus.valid.tokenized, training)
    return ReadTexts(texts=texts, rows=corpus.valid.rows)


def _make_network(
    learned: ReadTexts,
    watched: ReadTexts | None,
    training: Training,
    ancestor: Ancestor | None,
    inside: Mask,
) -> tuple[CompactNetwork, Begin | None]:
    """Return the network with the weights that training on some texts starts from: the ancestor's,
    if any, or embeddings of the texts `inside`, bool [text].

    And what gives embeddings of other texts to start from; None: it starts from the same ones.
    """
    from foretell.networks.labels import labels_network

    corpus = training.corpus
    settings = training.settings
    n_labels = len(corpus.labels)
    size = network_size(settings, corpus.tokenizer)
    check_size(settings, size, n_labels)
    whole = labels_network(settings, size, n_labels)
    embeddings = whole.get_layer("embedding").embeddings
    begin = None
    if training.stages.network is not None:
        embeddings.assign(training.stages.network.arrays[EMBEDDINGS])
    elif ancestor is not None:
        take_over_classifier(whole, corpus.labels, ancestor.model)
    elif settings.is_bidirectional:
        begin = partial(first_embeddings, embeddings.numpy(), training)
        embeddings.assign(begin(inside))
    read = [learned.texts]
    if watched is not None:
        read.append(watched.texts)
    if corpus.valid is not None:
        read.append(read_texts(corpus.valid.tokenized, training))
    words_read = distinct_ids(read, size)
    is_soft = learned.rows.is_soft
    network = CompactNetwork(
        whole, words_read, settings, n_labels, is_soft=is_soft, balance=corpus.balance
    )
    return network, begin


def first_embeddings(random: Float32s, training: Training, inside: Mask) -> Float32s:
    """Return the embeddings [word, dimension] that a network begins with, from co-occurrence
    statistics of the texts `inside`, bool [text], where there are enough tokens for them.

    Word vectors from outside, where there are any, take the last half of the dimensions. Words that
    occur near no other word, and have no vector, keep their `random` embedding.
    """
    corpus = training.corpus
    texts = corpus.tokenized
    first = corpus.tokenizer.specials
    size, width = random.shape
    values = random.copy()
    outside = (
        None if corpus.vectors is None else corpus.vectors.reduced(texts.ids, size, width // 2)
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
            inside=inside,
        )
        values[:, :own] = np.where(known[:, None], embeddings, values[:, :own])
    if outside is not None and corpus.vectors is not None:
        known = corpus.vectors.known[:size]
        scaled = SPREAD / max(float(outside[known].std()), 1e-9) * outside
        values[:, own:] = np.where(known[:, None], scaled, values[:, own:])
    return values


def _train(
    network: CompactNetwork,
    learned: ReadTexts,
    watched: ReadTexts | None,
    training: Training,
    *,
    keeps_best: bool,
) -> tuple[TrainableNetwork, TrainingLoop]:
    """Train the network to the end of its schedule or of its time, from the latest checkpoint on.

    The network has its best weights at the end where it `keeps_best`, else the last ones.
    """
    run = training.run
    training.run.stage("network", 0.15)
    given = run.options.given
    schedule = make_schedule(training.settings, len(learned), given, keeps_best=keeps_best)
    trainable = TrainableNetwork(network, learned, watched, training, schedule)
    loop = TrainingLoop(run, trainable, schedule)
    if training.stages.network is not None:
        loop.restore(training.stages.network)
    with run.interrupt.deferred():
        loop.train()
    return trainable, loop


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
    rows_of: Source,
    evidence: Evidence,
    plan: Plan,
    training: Training,
    pays: Callable[[Probabilities, int], bool],
    begin: Begin | None = None,
) -> Probabilities | None:
    """Return the probabilities [held-out text, label] by networks that have not seen the text.

    Each fold begins with the network's first values, which it has at the end again, or with
    embeddings that `begin` gives of the texts of the other folds. NaN is the answer to texts of
    folds without a network. None: the time limit has no room for all networks, or `pays`, given the
    probabilities of the first folds and their number, shows that the network has no weight.
    """
    if before := training.stages.found(_STAGE):
        return before[_ANSWERS] if len(before[_ANSWERS]) else None
    corpus = training.corpus
    count = plan.network_folds
    found = evidence.no_answers()
    none = found[:0]
    fold_of = evidence.folds.fold_of
    steps = 0
    try:
        for fold in range(count):
            training.run.stage(f"network on folds: {fold} of {count}", 0.4 + 0.3 * fold / count)
            inside = fold_of != fold
            network.restart(None if begin is None else begin(inside))
            learned = read_rows(rows_of(inside), training)
            # Others follow: those of the other folds, and the network of all texts.
            steps = _train_fold(network, learned, training, steps, count - fold)
            held = evidence.fold_of == fold
            texts = read_texts(corpus.tokenized, training, evidence.texts[held])
            found[held] = network.predict(texts)
            if fold + 1 == GIVE_UP_AFTER < count and not pays(found, GIVE_UP_AFTER):
                text = f"the network has next to no weight after {GIVE_UP_AFTER} of {count} folds"
                training.run.note(f"{text}: the linear models decide")
                found = none
                break
    except _TooSlowError:
        text = "the time limit is too short for out-of-fold predictions of the network"
        training.run.note(f"{text}: it is left out")
        found = none
    finally:
        network.restart()
    training.stages.keep(_STAGE, {_ANSWERS: found})
    return found if len(found) else None


class _TooSlowError(Exception):
    """The time limit has no room for the networks of all folds."""


class _FoldNetwork(TrainableNetwork):
    """A network of a fold, after which `following` ones as long as it have to be trained."""

    following = 0
    began = 0.0

    def advance(self, ahead: StepsAhead) -> list[StepMeans]:
        """Do the next step, or raise `_TooSlowError`."""
        done = ahead.done
        if done == _UNTYPICAL:
            self.began = time.monotonic()
        if done > _UNTYPICAL and done >= min(_MEASURED, ahead.total // 2):
            pace = _MARGIN * (time.monotonic() - self.began) / (done - _UNTYPICAL)
            left = self._training.run.budget.left() - SECONDS_TO_WRITE
            if pace * ((1 + self.following) * ahead.total - done) > left:
                raise _TooSlowError
        return super().advance(ahead)


def _train_fold(
    network: CompactNetwork, learned: ReadTexts, training: Training, steps: int, following: int
) -> int:
    """Train a network for `steps` steps at most (0: those of its schedule); return how many."""
    schedule = make_schedule(training.settings, len(learned), keeps_best=False)
    schedule = replace(schedule, steps=min(schedule.steps, steps or schedule.steps))
    trainable = _FoldNetwork(network, learned, None, training, schedule)
    trainable.following = following
    UnsavedLoop(training.run, trainable, schedule).train()
    return schedule.steps
