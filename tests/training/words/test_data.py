"""The corpus as token ids: on disk, in streams and windows, cached for a resumed run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.text.tokenizer import Tokenizer
from foretell.training.words.data import (
    NONE,
    Plan,
    TokenFile,
    plan_for,
    split_tokens,
    write_tokens,
)
from tests.training.words.small import SMALL


def test_tokens_are_written_as_a_numpy_file(tmp_path: Path) -> None:
    lines = ["the cat", "the dog sat"] * 50
    tokenizer = Tokenizer.train(lines, "words", lowercase=True, vocabulary=100, min_count=1)
    count = write_tokens(tmp_path / "t.npy", lines, tokenizer)
    ids = np.load(tmp_path / "t.npy", mmap_mode="r")
    assert ids.dtype == np.uint16
    assert len(ids) == count == 350
    expected = [id for line in lines for id in [*tokenizer.encode(line), tokenizer.end_of_line]]
    assert ids.tolist() == expected
    with TokenFile(tmp_path / "t.npy") as file:
        assert file.read(348, 5).tolist() == expected[348:] + expected[:3]
        assert file.part(10, 20).read(9, 2).tolist() == [expected[19], expected[10]]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.integers(1, 7), st.integers(1, 9), st.integers(0, 200))
def test_a_pass_predicts_every_token_once(tmp_path_factory, tokens, streams, window, entry) -> None:
    path = tmp_path_factory.mktemp("t") / "t.npy"
    np.save(path, np.arange(tokens, dtype=np.uint16))
    plan = Plan(tokens, min(streams, tokens), window)
    predicted = []
    with TokenFile(path) as file:
        for w in range(plan.windows):
            ids, targets = plan.batch(file, w, entry)
            taken = targets != NONE
            assert ((ids[taken] + 1) % tokens == targets[taken]).all()
            predicted += targets[taken].tolist()
    assert sorted(predicted) == list(range(tokens))


def test_streams_are_fewer_where_text_is_short() -> None:
    assert plan_for(100_000, SMALL).streams == 4
    assert plan_for(90, SMALL).streams == 2
    assert plan_for(11, SMALL).streams == 1
    with pytest.raises(DataError, match="--window"):
        plan_for(10, SMALL)


@pytest.mark.parametrize(("tokens", "held_out"), [(3_000, 0), (10_000, 3_000)])
def test_the_end_is_held_out_unless_it_is_too_short_to_tell(tmp_path, tokens, held_out) -> None:
    np.save(tmp_path / "t.npy", np.arange(tokens, dtype=np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, valid = split_tokens(file, 0.3)
        assert len(train) == tokens - held_out
        assert (valid is None) == (held_out == 0)
        if valid is not None:
            assert len(valid) == held_out
            assert valid.read(0, 1).tolist() == [tokens - held_out]


def test_of_a_large_corpus_no_more_is_held_out_than_tells(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.zeros(10_000_000, np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, held_out = split_tokens(file, 0.05)
        assert held_out is not None
        assert (len(train), len(held_out)) == (9_800_000, 200_000)
