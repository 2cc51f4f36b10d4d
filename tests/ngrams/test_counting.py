"""Which texts contain which n-grams, against a slow reference."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError
from foretell.ngrams.counting import count_ngrams
from tests.ngrams.definitions import SIZE, flat, held, texts_lists


@settings(deadline=None)
@given(texts_lists, st.integers(1, 3), st.integers(1, 4))
def test_counting_finds_which_texts_hold_which_ngrams(texts, least, longest):
    ids, starts = flat(texts)
    counted = count_ngrams(ids, starts, SIZE, min_texts=least, longest=longest)
    expected = defaultdict(list)
    for place, text in enumerate(texts):
        for each in held(text, SIZE, longest):
            expected[each].append(place)
    expected = {each: where for each, where in expected.items() if len(where) >= least or each < SIZE}
    assert counted.keys.tolist() == sorted(expected)
    spans = zip(counted.starts, counted.starts[1:], strict=False)
    assert [counted.texts[a:b].tolist() for a, b in spans] == [expected[each] for each in sorted(expected)]
    assert counted.n_texts == len(texts)
    assert counted.n_words == sum(each < SIZE for each in expected)


@settings(deadline=None)
@given(texts_lists, st.integers(0, 12))
def test_the_most_frequent_are_kept(texts, most):
    ids, starts = flat(texts)
    everything = count_ngrams(ids, starts, SIZE, min_texts=1)
    kept = count_ngrams(ids, starts, SIZE, min_texts=1, max_ngrams=most)
    order = sorted(zip(-np.diff(everything.starts), everything.keys.tolist(), strict=True))
    assert kept.keys.tolist() == sorted(each for _, each in order[:most])
    assert len(kept.texts) == kept.starts[-1] == -sum(count for count, _ in order[:most])


@pytest.mark.parametrize("bits", [63, 26, 20])
def test_counting_in_parts_does_not_show(monkeypatch, bits):
    rng = np.random.default_rng(1)
    texts = [rng.integers(0, 50, rng.integers(0, 30)).tolist() for _ in range(300)]
    # The fewer bits a number has, the more parts the range of the n-grams is cut into.
    monkeypatch.setattr("foretell.ngrams.counting.KEY_BITS", bits)
    counted = count_ngrams(*flat(texts), 50, min_texts=1)
    assert counted.keys.tolist() == sorted({each for text in texts for each in held(text, 50)})
    assert len(counted.texts) == sum(len(held(text, 50)) for text in texts)


def test_ids_of_a_large_vocabulary():
    rng = np.random.default_rng(1)
    size = 1_048_575
    texts = [rng.choice([2, 3, 500_000, size - 1, size], 40).tolist() for _ in range(50)]
    counted = count_ngrams(*flat(texts), size, min_texts=1)
    assert counted.keys.tolist() == sorted({each for text in texts for each in held(text, size)})


def test_a_vocabulary_too_large_for_the_keys_is_refused():
    with pytest.raises(SettingsError, match="vocabulary"):
        count_ngrams(np.zeros(0, np.int32), np.zeros(1, np.int64), 1 << 21)
