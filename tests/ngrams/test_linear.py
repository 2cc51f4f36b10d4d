"""Keys of n-grams, which texts hold them, and the linear model over them, beside slow, obvious
references.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.keys import flat
from foretell.ngrams.linear import LinearModel, weighted_sum
from tests.ngrams.definitions import SIZE, held, key, texts_lists


def model_of(keys, columns=1, size=SIZE, longest=3):
    rng = np.random.default_rng(len(keys))
    weights = rng.standard_normal((len(keys), columns)).astype(np.float32)
    bias = rng.standard_normal(columns).astype(np.float32)
    return LinearModel(np.array(sorted(keys), np.int64), weights, bias, size, longest)


def some_model(texts, **kwargs):
    """A model that knows about two of three n-grams of the texts, and some that none of them
    holds.
    """
    known = {each for text in texts for each in held(text, SIZE) if each % 3}
    return model_of(known | {key((3, 3, 3), SIZE), key((6, 5), SIZE)}, **kwargs)


@settings(deadline=None, max_examples=40)
@given(texts_lists, texts_lists, st.integers(1, 3))
def test_a_weighted_sum_has_the_weighted_sum_of_the_scores(texts, others, columns):
    models = [some_model(texts, columns=columns), some_model(others, columns=columns)]
    both = weighted_sum(models, [0.25, -2.0])
    assert (np.diff(both.keys) > 0).all()
    expected = 0.25 * models[0].scores([*texts, *others]) - 2.0 * models[1].scores(
        [*texts, *others]
    )
    np.testing.assert_allclose(both.scores([*texts, *others]), expected, atol=1e-4)
    assert weighted_sum(models, [1.0, 0.0]).keys.tolist() == models[0].keys.tolist()


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(1, 3))
def test_scores_are_the_sums_over_distinct_ngrams(texts, columns):
    model = some_model(texts, columns=columns)
    weight_of = dict(zip(model.keys.tolist(), model.weights.astype(np.float64), strict=True))
    expected = [
        sum((weight_of.get(k, 0) for k in held(text, SIZE)), start=model.bias) for text in texts
    ]
    found = model.scores(texts)
    assert found.shape == (len(texts), columns)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), atol=1e-5)
    # One text and a batch give the same numbers.
    alone = [model.scores([text])[0] for text in texts]
    np.testing.assert_array_equal(found, np.reshape(alone, found.shape))
    np.testing.assert_array_equal(model.scores_of_flat(*flat(texts)), found)


def test_padding_does_not_count_nor_chunks_show(monkeypatch):
    one = some_model([[3, 4, 5, 4, 3, 6]])
    expected = one.scores([[3, 4, 5, 4, 3, 6]])
    np.testing.assert_array_equal(one.scores([[0, 0, 3, 4, 5, 4, 3, 6, 0]]), expected)
    assert one.scores([]).shape == (0, 1)
    np.testing.assert_array_equal(one.scores([[], [1, 1, 0]]), [one.bias, one.bias])
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, SIZE, rng.integers(0, 30)).tolist() for _ in range(200)]
    model = some_model(texts)
    whole = model.scores(texts)
    monkeypatch.setattr("foretell.ngrams.linear._KEYS_AT_ONCE", 60)
    np.testing.assert_array_equal(model.scores(texts), whole)
    # With so many words, the keys leave room for few texts at a time.
    size = 1_048_575
    wide = model_of({each for text in texts for each in held(text, size)}, size=size)
    alone = [wide.scores([text])[0] for text in texts]
    np.testing.assert_array_equal(wide.scores(texts), alone)
