"""Settings check themselves, and names that miss are answered with the nearest one."""

from __future__ import annotations

import math

import pytest

from foretell.config import SUBWORDS, Job, LabelsSettings, WordsSettings, from_dict, to_dict, with_changes
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS, preset


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, "units: expected a number from 1 to 8192, found 0"),
        ({"units": -3}, "found -3"),
        ({"units": 1.5}, "expected a value of type int, found 1.5"),
        ({"units": True}, "expected a value of type int, found True"),
        ({"dropout": math.nan}, "found nan"),
        ({"epochs": 0}, "epochs: expected at least 1, found 0"),
        ({"network": "gru"}, "expected one of article, lstm, found 'gru'"),
        ({"unitz": 3}, "did you mean units?"),
    ],
)
def test_a_bad_setting_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_changes(WordsSettings(), changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "changes", "fix"),
    [
        (WORDS_PRESETS["base"], {"learning_rate": 0.001}, "20 is usual; or set the optimizer to adam"),
        (WORDS_PRESETS["base"], {"optimizer": "adam"}, "0.003 is usual; or set the optimizer to sgd"),
        (LABELS_PRESETS["base"], {"learning_rate": 0.02}, "0.5 is usual; or set the optimizer to adam"),
        (LABELS_PRESETS["base"], {"optimizer": "adam"}, "0.003 is usual; or set the optimizer to sgd"),
    ],
)
def test_a_rate_of_the_other_optimizer_is_told(
    settings: WordsSettings | LabelsSettings, changes: dict[str, object], fix: str
) -> None:
    with pytest.raises(SettingsError, match=fix):
        with_changes(settings, changes)
    both = with_changes(settings, {"optimizer": "adam", "learning_rate": 0.001})
    assert (both.optimizer, both.learning_rate) == ("adam", 0.001)


def test_a_whole_number_serves_as_a_float() -> None:
    assert with_changes(LabelsSettings(), {"dropout": 0}).dropout == 0


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


@pytest.mark.parametrize("tokens", ["subword", "char"])
def test_the_article_reads_words(tokens: str) -> None:
    with pytest.raises(SettingsError, match="white-space or words with the network article"):
        with_changes(WORDS_PRESETS["article"], {"tokens": tokens})
