"""Scores of the variants of a text by a TF-IDF model, against the model itself on texts that are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.characters import character_ngrams, make_alphabet
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel, word_ngrams
from foretell.runtime.labels.tfidf_explanation import tfidf_scores
from foretell.text.tokenizer import Tokenizer

CORPUS = [
    "good film, good plot",
    "bad film bad bad plot!",
    "it isn't good... is it?",
    "很好吃 很 好",
    "Straße und STRASSE, İstanbul",
    "a",
]
TOKENIZER = Tokenizer.train(CORPUS, "words", lowercase=True, vocabulary=100)
PIECES = st.sampled_from(
    ["good", "film", " ", "  ", ",", "!", "bad", "很", "好吃", "isn't", "Straße", "xyz", "\n", "é"]
)


def model(norm: int, *, characters: bool = True, longest: int = 2, columns: int = 3) -> TfidfModel:
    """Return a model of all features of the corpus, with random weights."""
    rng, alphabet = np.random.default_rng(norm), make_alphabet(CORPUS)
    ids = [np.array(TOKENIZER.encode(text)) for text in CORPUS]
    starts = np.cumsum([0, *map(len, ids)])
    words = np.unique(word_ngrams(np.concatenate(ids), starts, TOKENIZER.size, longest)[0])
    letters = np.unique(character_ngrams(CORPUS, alphabet)[0]) if characters else np.zeros(0, np.int64)
    features = TfidfFeatures(words, letters, alphabet, TOKENIZER.size, longest)
    n = len(features)
    return TfidfModel(
        features,
        rng.uniform(1, 3, n).astype(np.float32),
        rng.normal(size=(n, columns)).astype(np.float32),
        rng.normal(size=columns).astype(np.float32),
        norm,
    )


MODELS = [model(2), model(1, characters=False, longest=1), model(2, columns=1), model(1)]


@pytest.mark.parametrize("place", range(len(MODELS)))
@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_every_variant_has_the_score_of_the_text_that_it_stands_for(place: int, text: str) -> None:
    tfidf, spans = MODELS[place], TOKENIZER.encode_with_offsets(text)
    ids = [id for id, _, _ in spans]
    found = tfidf_scores(tfidf, text, spans)
    np.testing.assert_allclose(found.whole, tfidf.scores([ids], [text])[0], atol=1e-4)
    total = found.contributions.sum(axis=0) + tfidf.bias
    np.testing.assert_allclose(total, found.whole, atol=1e-4)
    for i, (_, start, end) in enumerate(spans):
        without = tfidf.scores([ids[:i] + ids[i + 1 :]], [text[:start] + text[end:]])[0]
        np.testing.assert_allclose(found.without[i], without, atol=1e-4, err_msg=repr((text, i)))
        upto = tfidf.scores([ids[: i + 1]], [text[:end]])[0]
        np.testing.assert_allclose(found.upto[i], upto, atol=1e-4, err_msg=repr((text, i)))
