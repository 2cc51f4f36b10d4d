"""The fit of the TF-IDF model: values and idf of the chosen texts alone, features within bounds."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from foretell.training.labels.tfidf_fit import TfidfFit, count_features
from tests.training.labels.few import few_rows


def test_values_vocabulary_and_idf_are_those_of_the_chosen_texts() -> None:
    labelled, tokenizer = few_rows()
    rows = np.arange(60) % 3 > 0
    counted = count_features(labelled.tokenized, labelled.texts, tokenizer.size, n_columns=1)
    fit = TfidfFit(counted, rows, labelled.soft, labelled.weights)
    model = fit.to_tfidf(fit.fit(1.0))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    vectorizer.fit([text for text, row in zip(labelled.texts, rows, strict=True) if row])
    assert len(model.features.words) == len(vectorizer.vocabulary_)
    n_words = len(model.features.words)
    np.testing.assert_allclose(np.sort(model.idf[:n_words]), np.sort(vectorizer.idf_), rtol=1e-5)


def test_scores_in_training_are_those_of_predictions() -> None:
    labelled, tokenizer = few_rows(n_labels=3)
    rows = np.arange(60) < 40
    counted = count_features(labelled.tokenized, labelled.texts, tokenizer.size, n_columns=3)
    fit = TfidfFit(counted, rows, labelled.soft, labelled.weights)
    fitted = fit.fit(10.0)
    predicted = fit.to_tfidf(fitted).scores(tokenizer.encode_batch(labelled.texts[40:]), labelled.texts[40:])
    np.testing.assert_allclose(fit.scores(fitted, ~rows), predicted, atol=1e-4)
    assert (predicted.argmax(axis=1) == labelled.targets[40:]).mean() > 0.9
