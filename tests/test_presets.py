"""Presets are frozen and survive JSON; a time limit selects one; a name that misses is answered."""

from __future__ import annotations

import dataclasses

import pytest

from foretell.config import from_dict, to_dict
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS, labels_preset_for, preset, words_preset_for


@pytest.mark.parametrize("name", WORDS_PRESETS)
def test_words_presets_survive_json(name: str) -> None:
    assert from_dict("words", to_dict(WORDS_PRESETS[name])) == WORDS_PRESETS[name]


@pytest.mark.parametrize("name", LABELS_PRESETS)
def test_labels_presets_survive_json(name: str) -> None:
    assert from_dict("labels", to_dict(LABELS_PRESETS[name])) == LABELS_PRESETS[name]


def test_presets_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WORDS_PRESETS["base"].units = 3  # type: ignore[misc]


def test_the_articles_words_are_pinned() -> None:
    article = WORDS_PRESETS["article"]
    assert (article.network, article.tokens, article.lowercase) == ("article", "white-space", False)
    assert (article.units, article.layers, article.window, article.streams) == (512, 2, 3, 1)
    assert (article.learning_rate, article.iterations, article.dropout) == (0.001, 50_000, 0.0)


def test_the_articles_labels_are_pinned() -> None:
    article = LABELS_PRESETS["article"]
    assert (article.network, article.tokens, article.vocabulary, article.length) == (
        "article",
        "keras",
        996,
        200,
    )
    assert (article.embedding_size, article.units, article.dense_units) == (50, 100, 250)
    assert (article.dropout, article.recurrent_dropout) == (0.2, 0.2)
    assert (article.batch_size, article.epochs, article.learning_rate, article.keep) == (
        64,
        10,
        0.001,
        "last",
    )


def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="article, cnn-lstm, quick, base, best"):
        preset("labels", "bset")


@pytest.mark.parametrize(
    ("minutes", "words", "name"),
    [
        (60, 929_589, "best"),
        (20, 600_000, "best"),
        (20, 600_001, "base"),
        (19, 100, "base"),
        (60, 20_000_000, "base"),
    ],
)
def test_minutes_and_words_choose_the_words_preset(minutes, words, name):
    assert words_preset_for(minutes, words) == name


@pytest.mark.parametrize(("minutes", "name"), [(1, "quick"), (4.9, "quick"), (5, "base"), (60, "base")])
def test_minutes_choose_the_labels_preset(minutes, name):
    assert labels_preset_for(minutes) == name
