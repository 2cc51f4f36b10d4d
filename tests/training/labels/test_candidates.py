"""Which linear models texts can have."""

from __future__ import annotations

import pytest

from foretell.training.labels import candidates as module
from foretell.training.labels.candidates import candidates
from tests.training.labels.few import few_texts


def test_long_texts_have_no_tfidf_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 100)
    labelled, tokenizer = few_texts()
    found = list(candidates(labelled, tokenizer.size, first=tokenizer.specials, seed=1))
    assert [each.name for each in found] == ["ngrams", "svd", "pooled"]


def test_unlabelled_texts_of_the_bases_are_bounded() -> None:
    labelled, _ = few_texts()
    assert len(module._bounded(labelled.unlabelled, 20)) == 2
