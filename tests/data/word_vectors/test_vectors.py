"""Rows as int8, and how tokens are looked up."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foretell.data.word_vectors.spelling import all_spellings, parts, spellings
from foretell.data.word_vectors.vectors import WordVectors, quantise

WORDS = ["do", "n't", "it", "'s", "Haus", "Paris", "paris", "l'", "homme", "rock", "'n", "roll", "don"]
ROWS, SCALES = quantise(np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32))
VECTORS = WordVectors(WORDS, ROWS, SCALES, "made", "")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("do", ["do"]),
        ("Do", ["do"]),
        ("Paris", ["Paris"]),
        ("PARIS", ["paris"]),
        ("haus", ["Haus"]),
        ("don't", ["do", "n't"]),
        ("DON’T", ["do", "n't"]),
        ("it's", ["it", "'s"]),
        ("It’s", ["it", "'s"]),
        ("l'homme", ["l'", "homme"]),
        ("rock'n'roll", ["rock", "'n", "roll"]),
        ("dogs'", []),
        ("it're", []),
        ("zebra's", []),
        ("'s", ["'s"]),
        ("'", []),
        ("", []),
        ("n't", ["n't"]),
        ("unknown", []),
    ],
)
def test_the_rows_that_represent_a_token(token: str, expected: list[str]) -> None:
    places = VECTORS.places(token)
    assert [WORDS[place] for place in places] == expected
    rows, is_known = VECTORS.rows_of([token])
    assert rows.shape == (1, 8)
    assert rows.dtype == np.float32
    assert is_known.tolist() == [bool(expected)]
    mean = VECTORS.dense()[list(places)].mean(axis=0) if expected else np.zeros(8)
    np.testing.assert_allclose(rows[0], mean, rtol=1e-6)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("'’tns"), max_size=12))
def test_every_spelling_that_is_looked_up_is_asked_for(token: str) -> None:
    assert token in spellings(token)
    assert all_spellings(token) == {*spellings(token), *(word for part in parts(token) for word in part)}


def test_no_tokens() -> None:
    rows, is_known = VECTORS.rows_of([])
    assert rows.shape == (0, 8)
    assert is_known.shape == (0,)


def test_a_copy_by_pickle_is_the_same() -> None:
    VECTORS.places("do")
    copy = pickle.loads(pickle.dumps(VECTORS))
    assert copy.words == WORDS
    np.testing.assert_array_equal(copy.rows, ROWS)


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_the_error_of_int8_is_half_a_scale(vectors: np.ndarray) -> None:
    rows, scales = quantise(vectors)
    assert rows.dtype == np.int8
    assert np.isfinite(scales).all()
    assert (np.abs(rows * scales[:, None] - vectors) <= 0.5001 * scales[:, None]).all()
