"""The training loop of the first of several workers, which alone decides.

It reads the text, measures epochs, saves checkpoints and answers Ctrl-C as the loop of one worker does. The
others do the steps that it orders. When one is lost, all are started anew from the last checkpoint.
"""

from __future__ import annotations

import time
from typing import cast

import numpy as np
import tensorflow as tf

from foretell.config import WordsSettings
from foretell.errors import Interrupted, LostWorkerError
from foretell.networks.batch_part import parts_of
from foretell.training.events import Note
from foretell.training.interrupt import resume_command
from foretell.training.run import Run
from foretell.training.schedule import WARM_UP
from foretell.training.words.data import NONE, TokenizedCorpus, plan_for
from foretell.training.words.loop import Loop
from foretell.training.words.parallel.part_worker import Order
from foretell.training.words.parallel.steps import PartSteps
from foretell.training.words.parallel.team import Team, Workers
from foretell.training.words.state import TrainedNetwork
from foretell.training.words.step import Steps

START_SECONDS = 180.0
"""Seconds within which the workers must be there."""

MAX_LOSSES = 3
"""So many losses one after another without a new checkpoint end the training."""

_START_SHARE = 1 / 3
"""The part of the time left that starting the workers may take, where there is a time limit."""


def prepared(run: Run, corpus: TokenizedCorpus, settings: WordsSettings, workers: Workers) -> Loop:
    """Start the workers and return the training, ready for its first step.

    Where the time limit is too short to start them, this process trains alone.

    Args:
        run: the training.
        corpus: the text.
        settings: every setting.
        workers: starts them.

    Raises:
        UsageError: more workers than streams.
        LostWorkerError: they do not start.
    """
    count = workers.count(plan_for(len(corpus.train), settings).streams)
    losses: list[int] = []
    while True:
        try:
            return _started(run, corpus, settings, workers, count, losses)
        except LostWorkerError as error:
            _check_losses(run, workers, error, losses)


def _started(
    run: Run,
    corpus: TokenizedCorpus,
    settings: WordsSettings,
    workers: Workers,
    count: int,
    losses: list[int],
) -> Loop:
    if count < 2:
        return _alone(run, corpus, settings)
    limit = min(START_SECONDS, run.budget.share(_START_SHARE))
    began = time.monotonic()
    try:
        ring, members = workers.gather(count, limit, run.interrupt)
    except LostWorkerError:
        if limit == START_SECONDS or time.monotonic() - began < limit:
            raise
        workers.end()
        text = "the time limit is too short to start the workers: this process trains alone"
        run.options.listener(Note(text=text))
        return _alone(run, corpus, settings)
    streams = plan_for(len(corpus.train), settings).streams
    loop = TeamLoop(run, corpus, settings, Team(ring, members, parts_of(streams, count)), workers, losses)
    loop.prepare()
    return loop


def _alone(run: Run, corpus: TokenizedCorpus, settings: WordsSettings) -> Loop:
    loop = Loop(run, corpus, settings)
    loop.prepare()
    return loop


def _check_losses(run: Run, workers: Workers, error: LostWorkerError, losses: list[int]) -> None:
    """End the workers that are left, and raise where new ones would be lost too.

    Args:
        losses: the step of the newest checkpoint at each loss so far; this one is added.
    """
    why = workers.end() or str(error)
    newest = run.checkpoints.newest_step or 0
    losses.append(newest)
    if losses[-MAX_LOSSES:] == [newest] * MAX_LOSSES:
        raise LostWorkerError(
            expected="workers that stay",
            found=f"{MAX_LOSSES} losses since the checkpoint of step {newest:,} ({why})",
            where=str(run.out),
            fix=resume_command(run.out),
        ) from error
    text = f"a worker was lost ({why}): training goes on from step {newest:,} with new workers"
    run.options.listener(Note(text=text))


class TeamLoop(Loop):
    """The training of the first worker.

    Args:
        run, corpus, settings: as for `Loop`.
        team: all workers.
        starter: starts new ones after a loss.
        losses: of earlier teams of this process; see `_check_losses`.
    """

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        team: Team,
        starter: Workers,
        losses: list[int],
    ) -> None:
        self._team, self._starter, self._losses = team, starter, losses
        self.workers, self._every = team.count, starter.average_every
        super().__init__(run, corpus, settings)
        if self.state.at.step == 0:
            # What was logged before a loss without a checkpoint is done again.
            run.rewind(0)

    def after_loss(self, error: LostWorkerError) -> Loop:
        """Return a new training with new workers, from the last checkpoint.

        Raises:
            LostWorkerError: too many losses without a new checkpoint, or no new workers start.
            Interrupted: a signal has arrived.
        """
        while True:
            _check_losses(self.run, self._starter, error, self._losses)
            self.run.budget.pause()
            try:
                again = (self.run, self.corpus, self.settings, self._starter, self.workers, self._losses)
                return _started(*again)
            except LostWorkerError as another:
                error = another

    def train(self) -> None:
        """Continue to the last step, then let the other workers end; see `Loop.train`."""
        try:
            super().train()
        except Interrupted:
            self._end_team()
            raise
        self._end_team()

    def _end_team(self) -> None:
        self._team.stop()
        self._starter.end()

    def measure(self) -> TrainedNetwork:
        """Return the network with its figures, those of the workers among them."""
        trained = super().measure()
        trained.metrics["workers"] = self.workers
        trained.metrics["average_every"] = self._every
        trained.metrics["bytes_per_step"] = round(self._team.bytes_per_step)
        trained.metrics["dense_bytes_per_step"] = round(self._team.dense_bytes_per_step)
        return trained

    def _streams(self) -> int:
        return self._team.parts[0].count

    def _new_steps(self) -> Steps:
        return PartSteps(self.network, self.settings, self._team.parts[0])

    def _compile(self) -> None:
        self._team.begin(cast(PartSteps, self.steps), self.state.carried, self.softmax_words())

    def _step(self) -> None:
        state, at = self.state, self.state.at
        ids, targets, is_first = self._batch()
        # As in the paper, the first steps, here those with a rising learning rate, are synchronous.
        is_local = self._every > 1 and at.step >= self.steps_in_all() * WARM_UP
        order = Order(
            step=at.step,
            rate=self._rate(),
            tokens=int(np.count_nonzero(targets != NONE)),
            words=self.softmax_words(),
            is_first=is_first,
            is_local=is_local,
            averages=is_local and (at.step + 1) % self._every == 0,
        )
        loss, accuracy = self._team.step(order, ids, targets)
        for meter in (state.epoch, state.logged):
            meter.add(loss, accuracy)
        at.step += 1
        self.time.step_done()

    def _end_epoch(self) -> None:
        self._team.average()
        super()._end_epoch()

    def _may_save(self) -> bool:
        return self._team.is_averaged

    def _save(self) -> None:
        # A resumed training with only an epoch to measure has no more steps to do.
        if self._team.has_begun:
            self._team.average()
            self.state.carried = [tf.identity(state) for state in self._team.carried()]
        super()._save()
