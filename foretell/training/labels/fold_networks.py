"""Networks of the folds: each is trained on the other folds and answers the texts of its own.

With so few texts the network has a fixed schedule: no text is set aside to stop it. One network is compiled;
for each fold it starts again from the same weights. Other processes can train the folds too (`fold_task`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.errors import Interrupted, RunError
from foretell.training.events import Note
from foretell.training.labels.batches import EncodedTexts, as_read
from foretell.training.labels.compact import CompactNetwork, compact_network
from foretell.training.labels.fold_task import FoldAnswer, FoldTask, FoldTrainer, Workers
from foretell.training.labels.folds import Folds
from foretell.training.labels.network import initialised_network
from foretell.training.labels.start import Start
from foretell.training.labels.tokens import LabelledTokens, Tokens
from foretell.training.run import Run

NETWORK = "folds/network"
"""Where a checkpoint has the answers of all folds."""

_EPOCHS, _STEPS, _MAX_BATCH = 10, 150, 32
"""The fixed schedule: at least so many epochs and steps, and batches of so many texts at most.

Batches of 64 take twice the time for the same accuracy (docs/experiments.md).
"""

_TOO_SHORT = "the time limit is too short for out-of-fold predictions of the network: it is left out"

_ANSWERS = "folds/answers"
"""Where a checkpoint has the answers of the folds that are done, by their places."""


def fixed_schedule(settings: LabelsSettings) -> LabelsSettings:
    """Return settings with which the network is trained without a validation set."""
    batch_size = min(settings.batch_size, _MAX_BATCH)
    return replace(settings, batch_size=batch_size, epochs=_EPOCHS, min_steps=_STEPS, patience=0, keep="last")


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
    return compact_network(network, words, settings, len(tokens.labels))


def fold_probabilities(
    network: CompactNetwork,
    tokens: Tokens,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
    workers: Workers | None = None,
    also_saved: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Probabilities | None:
    """Return the probabilities [text, label] of the labelled texts by networks that have not seen them.

    Those of an interrupted run are returned as they are.

    Args:
        network: the network; each fold begins with its first values, which it has at the end again.
        tokens: the tokenized split.
        folds: of its training texts. A text that is never held out has the same probability for each label.
        settings: the network, with a fixed schedule.
        run: the training in progress. With workers, an interruption saves the folds that are done.
        workers: other processes that train the networks; None: this process does.
        also_saved: arrays of earlier steps that a checkpoint contains.

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
    done = _saved_answers(run)
    tasks = [each for each in _tasks(network, tokens, folds, settings) if each.fold not in done]

    def save() -> None:
        answers = {f"{_ANSWERS}/{fold}": values for fold, values in done.items()}
        run.checkpoints.save(0, {**answers, **(also_saved or {})}, {})

    try:
        for answer in _answers(network, tasks, run, workers):
            if answer.probabilities is None:
                run.options.listener(Note(text=_TOO_SHORT))
                return None
            done[answer.fold] = answer.probabilities
            if workers is not None and run.checkpoints.due():
                save()
    except (Interrupted, KeyboardInterrupt, RunError):
        if workers is not None:
            save()
        raise
    finally:
        network.restart()
    n_labels = len(tokens.labels)
    result = np.full((len(tokens.train.targets), n_labels), 1 / n_labels, np.float32)
    for fold, (_, held) in enumerate(folds):
        result[held] = done[fold] if tokens.balance is None else tokens.balance.corrected(done[fold])
    return result


def _tasks(
    network: CompactNetwork, tokens: Tokens, folds: Folds, settings: LabelsSettings
) -> Iterator[FoldTask]:
    for fold, (rows, held) in enumerate(folds):
        yield FoldTask(
            fold=fold,
            settings=settings,
            n_words=len(network.words),
            n_labels=len(tokens.labels),
            first=network.first,
            train=network.renumbered(_texts(tokens.train, rows, tokens, settings)),
            held=network.renumbered(_texts(tokens.train, held, tokens, settings)),
        )


def _answers(
    network: CompactNetwork, tasks: Sequence[FoldTask], run: Run, workers: Workers | None
) -> Iterator[FoldAnswer]:
    """Yield the answer of each fold: of the workers, and of this process for what they could not do."""
    waiting = {task.fold: task for task in tasks}
    if workers is not None and tasks:
        for answer in workers.answers(tasks, run):
            del waiting[answer.fold]
            yield answer
        if waiting:
            text = f"{len(waiting)} of the {len(tasks)} folds are trained by the command itself"
            run.options.listener(Note(text=text))
    if not waiting:
        return
    trainer = FoldTrainer(network.model, tasks[0].train.length)
    for place, task in enumerate(waiting.values()):
        # The other folds, and the network of all texts.
        yield trainer.answer(task, run.budget.left, after=len(waiting) - place)


def _saved_answers(run: Run) -> dict[int, Probabilities]:
    """Return the answers of an interrupted run, by fold."""
    checkpoint = run.checkpoints.latest()
    found = {} if checkpoint is None else checkpoint.under(_ANSWERS)
    return {int(fold): values.astype(np.float32, copy=False) for fold, values in found.items()}


def begin(workers: Workers | None, settings: LabelsSettings, run: Run) -> None:
    """Start the workers where they will have work, while the texts are read and their features counted."""
    if workers is None:
        return
    if not settings.has_members:
        text = "workers choose linear models and train networks of folds"
        run.options.listener(Note(text=f"{text}: this training has none, and the command trains alone"))
        return
    checkpoint = run.checkpoints.latest()
    if checkpoint is None or NETWORK not in checkpoint.arrays:
        workers.begin(settings.folds)


def _texts(
    labelled: LabelledTokens, rows: npt.NDArray[np.bool_] | None, tokens: Tokens, settings: LabelsSettings
) -> EncodedTexts:
    """Return some of the labelled texts, or with `rows` None all, as the network reads them."""
    texts, targets, weights = labelled.texts, labelled.targets, labelled.weights
    if rows is not None:
        texts, targets = texts.select(rows), targets[rows]
        weights = None if weights is None else weights[rows]
    return as_read(texts, targets, len(tokens.labels), tokens.tokenizer, settings, weights=weights)
