"""Linear models of TF-IDF values, beside scikit-learn's values, and their storage."""

from __future__ import annotations

import re
import timeit
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from foretell.ngrams.characters import character_ngrams, make_alphabet, stream_safe
from foretell.ngrams.keys import ngram_keys
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel, merged, tfidf_arrays, tfidf_models
from foretell.text.tokenizer import Tokenizer

TEXTS = ["good film good plot", "bad film", "très bon", "plot plot plot bad", "很 好"]
TOKENIZER = Tokenizer.train(TEXTS, "words", lowercase=True, vocabulary=50)
IDS = TOKENIZER.encode_batch(TEXTS)


def made(norm: int = 2, *, columns: int = 3, characters: bool = True) -> TfidfModel:
    rng = np.random.default_rng(columns)
    alphabet = make_alphabet(TEXTS)
    flat = np.concatenate([np.array(each) for each in IDS])
    starts = np.cumsum([0, *map(len, IDS)])
    words = np.unique(ngram_keys(flat, starts, TOKENIZER.size, 2)[0])
    letters = (
        np.unique(character_ngrams(TEXTS, alphabet)[0]) if characters else np.zeros(0, np.int64)
    )
    features = TfidfFeatures(words, letters, alphabet, TOKENIZER.size)
    idf = rng.uniform(1, 3, len(features)).astype(np.float32)
    weights = rng.normal(size=(len(features), columns)).astype(np.float32)
    return TfidfModel(features, idf, weights, rng.normal(size=columns).astype(np.float32), norm)


def test_values_are_those_of_scikit_learn() -> None:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    values = vectorizer.fit_transform(TEXTS).toarray()
    model = made(columns=1, characters=False)
    names = vectorizer.get_feature_names_out()
    # The same features, in scikit-learn's order.
    of_names = map(TOKENIZER.encode, names)
    keys = [
        ngram_keys(np.array(ids), np.array([0, len(ids)]), TOKENIZER.size, 2)[0][-1]
        for ids in of_names
    ]
    places = np.searchsorted(model.features.words, keys)
    idf = np.zeros(len(model), np.float32)
    idf[places] = vectorizer.idf_
    model = TfidfModel(model.features, idf, model.weights, model.bias)
    expected = values @ model.weights[places] + model.bias
    np.testing.assert_allclose(model.scores(IDS, TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("norm", [1, 2])
def test_a_batch_and_one_text_give_the_same_numbers(
    norm: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(norm)
    texts = [*TEXTS, "", "unknown", " \n"]
    ids = TOKENIZER.encode_batch(texts)
    whole = model.scores(ids, texts)
    alone = [model.scores([each], [text])[0] for each, text in zip(ids, texts, strict=True)]
    np.testing.assert_array_equal(whole, alone)
    monkeypatch.setattr("foretell.ngrams.tfidf._CHARACTERS_AT_ONCE", 3)
    np.testing.assert_array_equal(whole, model.scores(ids, texts))
    np.testing.assert_allclose(whole[5], model.bias)
    assert model.scores([], []).shape == (0, 3)


@given(
    st.text(st.sampled_from("aé가好 .\u0301\u0327\u0316\u0344\u034f"), max_size=60),
    st.integers(0, 99),
)
def test_marks_in_a_row_are_sorted_thirty_at_a_time(text: str, count: int) -> None:
    few = re.sub(r"([^\w\s]{20})[^\w\s]+", r"\1", text)
    assert stream_safe(few) == few
    marks = count * "\u0301"
    broken = "\u034f".join(marks[at : at + 30] for at in range(0, count, 30))
    assert stream_safe(f"好{marks}.A{few}") == f"好{broken}.A{few}"


def test_time_does_not_grow_with_the_square_of_the_marks_in_a_row() -> None:
    def seconds(count: int) -> float:
        text = ("好" + count * "\u0301\u0327") * (50_000 // count)
        return min(
            timeit.repeat(
                lambda: character_ngrams([text], make_alphabet(TEXTS)), number=1, repeat=3
            )
        )

    assert seconds(50_000) < 5 * seconds(10) + 0.1


def test_sparse_weights_give_the_scores_of_dense_ones() -> None:
    model = made()
    rare = np.where(np.abs(model.weights) > 1, model.weights, 0).astype(np.float32)
    dense = replace(model, weights=rare)
    sparse = replace(model, weights=SparseWeights.of(rare))
    expected = dense.scores(IDS, TEXTS)
    np.testing.assert_allclose(sparse.scores(IDS, TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(sparse.times(3).scores(IDS, TEXTS), 3 * expected, atol=1e-5)
    assert merged([sparse, dense, sparse]) == (sparse, dense, sparse)
    stored = tfidf_arrays([sparse, dense])
    again = tfidf_models(stored)
    np.testing.assert_array_equal(again[0].scores(IDS, TEXTS), sparse.scores(IDS, TEXTS))
    alone = [sparse.scores([each], [text])[0] for each, text in zip(IDS, TEXTS, strict=True)]
    np.testing.assert_array_equal(sparse.scores(IDS, TEXTS), alone)


def test_models_with_the_same_values_become_one_with_the_sum_of_their_scores() -> None:
    first = made()
    other = TfidfModel(first.features, first.idf, -3 * first.weights, 2 * first.bias)
    others = (
        made(1),
        made(characters=False),
        TfidfModel(first.features, first.idf + 1, first.weights, first.bias),
    )
    found = merged([first, others[0], other, *others[1:]])
    assert len(found) == 4
    np.testing.assert_allclose(
        found[0].scores(IDS, TEXTS), first.scores(IDS, TEXTS) + other.scores(IDS, TEXTS), atol=1e-5
    )
    assert [id(each) for each in found[1:]] == [id(each) for each in others]
    assert merged([]) == ()
