from __future__ import annotations

import dataclasses

import pytest

from foretell import aliases
from foretell.config import LabelsSettings, WordsSettings, from_dict, with_changes
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation

OLD_SETTINGS = [
    ("words", "held_out", 0.25, "valid_fraction"),
    ("words", "ngrams", True, "kneser_ney"),
    ("words", "most_ngrams", 5, "max_ngrams"),
    ("labels", "held_out", 0.25, "valid_fraction"),
    ("labels", "most_steps", 7, "max_steps"),
    ("labels", "word_vectors", True, "cooccurrence_embeddings"),
]


@pytest.mark.parametrize(("job", "old", "value", "current"), OLD_SETTINGS)
def test_a_setting_of_an_older_model_is_read_under_its_current_name(job, old, value, current):
    assert getattr(from_dict(job, {old: value}), current) == value
    settings = WordsSettings() if job == "words" else LabelsSettings()
    assert getattr(with_changes(settings, {old: value}), current) == value


def test_the_table_of_settings_is_tested_whole_and_leads_to_settings_that_exist():
    assert {(job, old, new) for job, old, _, new in OLD_SETTINGS} == {
        (job, old, new) for job, table in aliases.SETTINGS.items() for old, new in table.items()
    }
    for job, settings in (("words", WordsSettings), ("labels", LabelsSettings)):
        names = {f.name for f in dataclasses.fields(settings)}
        assert set(aliases.SETTINGS[job].values()) <= names
        assert not names & set(aliases.SETTINGS[job])


def test_a_current_name_has_precedence_and_other_names_stay():
    values = {"valid_fraction": 0.1, "held_out": 0.9, "seed": 3}
    assert aliases.current_names(values, aliases.SETTINGS["words"]) == {"valid_fraction": 0.1, "seed": 3}


@pytest.mark.parametrize(
    ("job", "values"),
    [
        ("labels", {"network": 0.5, "linear": 0.0, "offsets": [0.25, -0.25]}),
        ("words", {"ngram_shares": [0.5, 0.25]}),
    ],
)
def test_old_keys_of_config_json_have_a_current_key(job, values):
    config = aliases.current_names({"job": job, "calibration": values}, aliases.CONFIG[job])
    if job == "labels":
        assert Ensemble.from_dict(config["ensemble"]) == Ensemble(network=0.5, offsets=(0.25, -0.25))
    else:
        assert Interpolation.from_dict(config["interpolation"]) == Interpolation((0.5, 0.25))
    assert aliases.INTERPOLATION.keys() <= {"ngram_shares"}
    assert all(aliases.CONFIG[each].keys() == {"calibration"} for each in ("labels", "words"))


@pytest.mark.parametrize("old", aliases.METRICS)
def test_old_figures_have_a_current_key(old):
    assert aliases.current_names({old: 1}, aliases.METRICS) == {aliases.METRICS[old]: 1}
