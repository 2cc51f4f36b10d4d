"""Keys of n-grams: distinct, ascending with the length, within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.keys import keys_fit, ngram_keys
from tests.ngrams.definitions import SIZE, flat, held, key, texts_lists


@settings(deadline=None)
@given(texts_lists, st.integers(1, 3))
def test_keys_and_positions_are_those_of_the_definition(texts, longest):
    ids, starts = flat(texts)
    by_length = list(ngram_keys(ids.astype(np.int64), starts, SIZE, longest))
    assert len(by_length) == longest
    found = {each for keys, _ in by_length for each in keys.tolist()}
    assert found == {each for text in texts for each in held(text, SIZE, longest)}
    for length, (keys, at) in enumerate(by_length, 1):
        assert [key(ids[place : place + length].tolist(), SIZE) for place in at] == keys.tolist()


def test_whether_keys_fit_in_63_bits():
    assert keys_fit(2_097_151, 3)
    assert not keys_fit(2_097_152, 3)
    assert keys_fit(2**63 - 1, 1)
    assert not keys_fit(2**63, 1)


@pytest.mark.parametrize("size", [1, 2, 2**62])
def test_ngrams_without_end_do_not_fit_and_cost_nothing_to_refuse(size):
    assert not keys_fit(size, 2**62)
