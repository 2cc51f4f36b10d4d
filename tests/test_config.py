"""Settings check themselves; presets survive JSON; a name that misses is answered with the nearest
one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from foretell.config import (
    DENSE_UNITS,
    SUBWORDS,
    Job,
    LabelsSettings,
    WordsSettings,
    from_dict,
    to_dict,
    with_changes,
)
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS, preset, words_preset_for


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, "units: expected a number from 1 to 8192, found 0"),
        ({"units": 1.5}, "expected a value of type int, found 1.5"),
        ({"units": True}, "expected a value of type int, found True"),
        ({"dropout": math.nan}, "found nan"),
        ({"epochs": 0}, "epochs: expected at least 1, found 0"),
        ({"minutes": math.inf}, "minutes: expected at least 0, and finite, found inf"),
        ({"minutes": -1.0}, "minutes: expected at least 0, found -1"),
        ({"network": "gru"}, "expected one of article, lstm, found 'gru'"),
        ({"unitz": 3}, "did you mean units?"),
    ],
)
def test_a_bad_setting_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_changes(WordsSettings(), changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "rate", "fix"),
    [
        (WORDS_PRESETS["base"], 0.001, r"the network lstm \(SGD\), found 0\.001; 20 is usual"),
        (LABELS_PRESETS["base"], 0.001, r"the network bilstm .*; 0\.5 is usual"),
        (LABELS_PRESETS["article"], 0.5, r"the network article \(Adam\), .*; 0\.001 is usual"),
    ],
)
def test_a_rate_that_the_optimizer_of_the_network_cannot_use_is_told(
    settings: WordsSettings | LabelsSettings, rate: float, fix: str
) -> None:
    with pytest.raises(SettingsError, match=fix):
        with_changes(settings, {"learning_rate": rate})


@pytest.mark.parametrize("job", ["words", "labels"])
def test_subwords_have_a_vocabulary_of_their_own(job: Job) -> None:
    base = preset(job, "base")
    assert with_changes(base, {"tokens": "subword"}).vocabulary == SUBWORDS
    assert with_changes(base, {"tokens": "subword", "vocabulary": 500}).vocabulary == 500
    assert with_changes(base, {"tokens": "char"}).vocabulary == base.vocabulary
    chosen = with_changes(base, {"tokens": "subword", "vocabulary": 500})
    assert from_dict(job, to_dict(chosen)) == chosen
    assert chosen.has_open_vocabulary
    assert not base.has_open_vocabulary


@pytest.mark.parametrize(("job", "presets"), [("words", WORDS_PRESETS), ("labels", LABELS_PRESETS)])
def test_presets_survive_json(
    job: Job, presets: Mapping[str, WordsSettings | LabelsSettings]
) -> None:
    for settings in presets.values():
        assert from_dict(job, to_dict(settings)) == settings


def test_the_articles_words_are_pinned() -> None:
    article = WORDS_PRESETS["article"]
    assert (article.network, article.tokens, article.lowercase) == ("article", "white-space", False)
    assert (article.units, article.layers, article.window, article.streams) == (512, 2, 3, 1)
    assert (article.learning_rate, article.iterations, article.dropout) == (0.001, 50_000, 0.0)


def test_the_articles_labels_are_pinned() -> None:
    article = LABELS_PRESETS["article"]
    assert (article.network, article.tokens, article.vocabulary + 4) == ("article", "keras", 1000)
    assert (article.length, article.embedding_size, article.units, DENSE_UNITS) == (
        200,
        50,
        100,
        250,
    )
    assert (article.batch_size, article.epochs) == (64, 10)
    assert (article.learning_rate, article.dropout) == (0.001, 0.2)
    assert (article.valid_fraction, article.patience, article.min_steps) == (0.0, 0, 1)
    assert (article.lowercase, article.follows_article) == (True, True)


def test_minutes_and_words_choose_the_words_preset() -> None:
    assert [words_preset_for(*given) for given in ((20, 600_000), (20, 600_001), (19, 100))] == [
        "best",
        "base",
        "base",
    ]
