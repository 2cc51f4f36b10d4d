"""The choice of a linear member's penalty, described so that another process can make it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from foretell.arrays import LogProbabilities
from foretell.training.labels.candidates import Candidate, LabelledTexts
from foretell.training.labels.folds import Folds
from foretell.training.labels.member_search import choose
from foretell.training.labels.members import Chosen
from foretell.training.labels.tokens import TokenizedTexts
from foretell.training.run import Run

_NO_TEXTS = TokenizedTexts(ids=np.zeros(0, np.int32), starts=np.zeros(1, np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberTask:
    """What is needed to choose a penalty.

    Attributes:
        candidate: the member, with its features.
        labelled: the labels; the texts themselves are left out.
        folds: of the texts.
    """

    candidate: Candidate
    labelled: LabelledTexts
    folds: Folds

    @classmethod
    def of(cls, candidate: Candidate, labelled: LabelledTexts, folds: Folds) -> MemberTask:
        """Return the task, without what it does not need."""
        less = dataclasses.replace(labelled, texts=(), tokenized=_NO_TEXTS, unlabelled=_NO_TEXTS)
        return cls(candidate=candidate, labelled=less, folds=folds)

    @property
    def what(self) -> str:
        """What is done, for messages."""
        return f"the linear model {self.candidate.name}"

    def answer(self, threads: int) -> MemberAnswer:
        """Choose the penalty, on so many threads."""
        chosen = choose(self.candidate, self.labelled, self.folds, threads=threads)
        return MemberAnswer(name=self.candidate.name, strength=chosen.strength, logs=chosen.logs)


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberAnswer:
    """A penalty that was chosen.

    Attributes:
        name: of the member.
        strength, logs: see `Chosen`.
    """

    name: str
    strength: float
    logs: LogProbabilities

    def chosen(self, candidate: Candidate) -> Chosen:
        """Return the choice of the same candidate in this process."""
        return Chosen(candidate=candidate, strength=self.strength, logs=self.logs)


class MemberWorkers(Protocol):
    """Processes that choose penalties of linear members. `foretell.cluster.folds` has them on Ray."""

    def offer(self, task: MemberTask, run: Run) -> bool:
        """Give a task to a worker that is ready and has nothing to do; return whether there was one."""

    def collect(self, run: Run, is_late: Callable[[], bool]) -> Iterator[MemberAnswer]:
        """Wait for the tasks that were taken, and yield their answers as they come.

        A task whose worker was lost, or that is not answered when `is_late` says so, has no answer.

        Raises:
            Interrupted: a signal has arrived.
            RunError: the cluster has gone.
        """
