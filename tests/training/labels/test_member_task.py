"""A task holds what the choice of a penalty needs, and no text."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pytest

from foretell.training.labels.candidates import candidates
from foretell.training.labels.folds import make_folds
from foretell.training.labels.member_search import choose
from foretell.training.labels.member_task import MemberTask
from tests.training.labels.few import few_texts


@pytest.mark.parametrize("n_labels", [2, 3])
def test_another_process_makes_the_same_choice_and_sees_no_text(n_labels: int) -> None:
    labelled, tokenizer = few_texts(n=30, n_labels=n_labels)
    folds = make_folds(labelled.texts, labelled.targets, 5, seed=1)
    for candidate in candidates(labelled, tokenizer.size, first=tokenizer.specials, seed=1):
        content = cloudpickle.dumps(MemberTask.of(candidate, labelled, folds))
        assert all(text.encode() not in content for text in labelled.texts)
        task: MemberTask = cloudpickle.loads(content)
        assert task.what == f"the linear model {candidate.name}"
        there, here = task.answer(threads=2).chosen(candidate), choose(candidate, labelled, folds)
        assert there.candidate is candidate
        assert there.strength == here.strength
        np.testing.assert_array_equal(there.logs, here.logs)
