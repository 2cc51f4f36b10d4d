"""What a classifier takes over from the one that it continues: labels, settings, keys of n-grams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.errors import SettingsError
from foretell.ngrams.keys import ngram_keys
from foretell.presets import LABELS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import columns_for, continued_settings, keys_for
from foretell.training.labels.replay import ids_of_keys


def softmax(scores: np.ndarray) -> np.ndarray:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def test_columns_of_more_labels_keep_the_odds_of_the_old() -> None:
    one = np.array([[0.7], [-2.0]], np.float32)
    assert np.array_equal(columns_for(one, ["a", "c"], ["a", "c"]), one)
    three = softmax(columns_for(one, ["a", "c"], ["a", "b", "c"]))
    np.testing.assert_allclose(np.log(three[:, 2] / three[:, 0]), one[:, 0], atol=1e-5)
    scores = np.array([[1.0, 2.0, 6.0]], np.float32)
    five = columns_for(scores, ["b", "c", "e"], ["a", "b", "c", "d", "e"])
    np.testing.assert_array_equal(five, [[3.0, 1.0, 2.0, 3.0, 6.0]])


@given(st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=3), min_size=1), st.integers(0, 30))
def test_keys_of_a_larger_vocabulary(ngrams: list[list[int]], more: int) -> None:
    old, new = 10, 10 + more

    def keys(size: int) -> np.ndarray:
        found = []
        for ids in ngrams:
            by_length = list(ngram_keys(np.array(ids), np.array([0, len(ids)]), size, len(ids)))
            found.append(by_length[-1][0][0])
        return np.array(found)

    np.testing.assert_array_equal(keys_for(keys(old), old, new), keys(new))
    assert ids_of_keys(keys(new), new) == ngrams


def test_settings_that_the_weights_depend_on_stay() -> None:
    own = with_changes(LABELS_PRESETS["quick"], {"epochs": 3})
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    model = Model(job="labels", preset="quick", settings=own, tokenizer=tokenizer, labels=["a", "b"])
    assert continued_settings(model, None, {"seed": 7}) == with_changes(own, {"seed": 7})
    others = (({"units": 7}, "units"), ({"tokens": "char"}, "tokens"), ({"network": "article"}, "network"))
    for changes, name in others:
        with pytest.raises(SettingsError, match=f"{name}.*as in the model to continue"):
            continued_settings(model, None, changes)
    with pytest.raises(SettingsError, match=r"expected embedding-size 64.*preset base"):
        continued_settings(model, "base", {})
