"""The choice of linear members: by workers too, what is saved of it, and the time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pytest

from foretell.presets import LABELS_PRESETS
from foretell.training.labels import member_choice
from foretell.training.labels.balance import Balance
from foretell.training.labels.folds import make_folds
from foretell.training.labels.member_choice import choose_members, saved
from foretell.training.labels.member_task import MemberAnswer, MemberTask
from foretell.training.labels.members import Chosen
from tests.training.labels.few import few_texts


def run_of(left: float, arrays: dict[str, Any] | None = None) -> Any:
    notes: list[str] = []
    return SimpleNamespace(
        budget=SimpleNamespace(left=lambda: left),
        interrupt=SimpleNamespace(check=lambda: None),
        options=SimpleNamespace(listener=lambda event: notes.append(event.text)),
        checkpoints=SimpleNamespace(
            latest=lambda: None if arrays is None else SimpleNamespace(arrays=arrays),
            due=lambda: False,
        ),
        notes=notes,
    )


def test_a_saved_choice_is_taken_and_too_little_time_leaves_members_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled, tokenizer = few_texts(n=30)
    tokens: Any = SimpleNamespace(tokenizer=tokenizer, vectors=None, balance=None)
    folds, settings = make_folds(labelled.texts, labelled.targets, 5, seed=1), LABELS_PRESETS["base"]
    short = run_of(0.0)
    chosen = choose_members(labelled, tokens, folds, settings, short)
    assert [each.candidate.name for each in chosen] == ["ngrams"]
    assert short.notes == ["the time limit ended the choice of linear models after ngrams"]
    whole = choose_members(labelled, tokens, folds, settings, run_of(float("inf")))
    monkeypatch.setattr(member_choice, "choose", None)
    again = choose_members(labelled, tokens, folds, settings, run_of(1.0, saved(whole)))
    assert [each.strength for each in again] == [each.strength for each in whole]
    for before, after in zip(whole, again, strict=True):
        np.testing.assert_array_equal(before.logs, after.logs)


class Workers:
    """Workers of this process: they get a task as another process gets it.

    Args:
        taken: the members that find a worker with nothing to do.
        lost: those among them whose worker dies.
    """

    def __init__(self, taken: Sequence[str], lost: Sequence[str] = ()) -> None:
        self.taken, self.lost = taken, lost
        self.sent: list[bytes] = []

    def offer(self, task: MemberTask, run: Any) -> bool:
        del run
        if task.candidate.name not in self.taken:
            return False
        self.sent.append(cloudpickle.dumps(task))
        return True

    def collect(self, run: Any, is_late: Callable[[], bool]) -> Iterator[MemberAnswer]:
        del run
        for content in reversed(self.sent):
            task: MemberTask = cloudpickle.loads(content)
            if task.candidate.name not in self.lost and not is_late():
                yield task.answer(threads=1)


def choice(run: Any, workers: Workers | None = None, *, balance: bool = False) -> list[Chosen]:
    labelled, tokenizer = few_texts(n=30)
    weights = Balance.of(labelled.targets, None, 2) if balance else None
    tokens: Any = SimpleNamespace(tokenizer=tokenizer, vectors=None, balance=weights)
    folds = make_folds(labelled.texts, labelled.targets, 5, seed=1)
    return choose_members(labelled, tokens, folds, LABELS_PRESETS["base"], run, workers=workers)


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("lost", [[], ["tfidf"]])
def test_workers_choose_what_this_process_would(lost: list[str], balance: bool) -> None:
    whole = choice(run_of(float("inf")), balance=balance)
    assert [each.candidate.name for each in whole] == [
        "ngrams",
        "tfidf",
        "bayes",
        "centroids",
        "svd",
        "pooled",
    ]
    workers = Workers(["tfidf", "pooled"], lost)
    shared = choice(run_of(float("inf")), workers, balance=balance)
    assert len(workers.sent) == 2
    assert [each.candidate.name for each in shared] == [each.candidate.name for each in whole]
    for alone, together in zip(whole, shared, strict=True):
        assert alone.strength == together.strength
        np.testing.assert_array_equal(alone.logs, together.logs)


def test_what_workers_have_not_answered_in_time_is_left_out() -> None:
    seconds = iter([0.0] * 3 + [10.0] * 99)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_choice.time, "monotonic", lambda: next(seconds))
        run = run_of(3.0)
        chosen = choice(run, Workers(["tfidf", "bayes"]))
    assert [each.candidate.name for each in chosen] == ["ngrams"]
    assert run.notes == ["the time limit ended the choice of linear models after ngrams"]


def test_at_least_one_member_is_chosen_however_late_it_is() -> None:
    chosen = choice(run_of(0.0), Workers(["ngrams"], lost=["ngrams"]))
    assert [each.candidate.name for each in chosen] == ["ngrams"]
