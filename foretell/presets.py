"""The presets: named settings of the two jobs, and which of them a time limit selects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from foretell.config import Job, LabelsSettings, Settings, WordsSettings, to_dict
from foretell.errors import SettingsError
from foretell.readable import did_you_mean

_WORDS_BASE = WordsSettings(
    lowercase=False,
    vocabulary=20_000,
    embedding_size=256,
    units=256,
    streams=16,
    learning_rate=20.0,
    epochs=8,
    valid_fraction=0.05,
    min_steps=240,
    kneser_ney=True,
)

WORDS_PRESETS: dict[str, WordsSettings] = {
    "base": _WORDS_BASE,
    "best": replace(
        _WORDS_BASE,
        embedding_size=640,
        units=640,
        dropout=0.5,
        word_dropout=0.1,
        epochs=40,
        patience=5,
        minutes=60.0,
    ),
    "article": WordsSettings(
        network="article",
        tokens="white-space",
        lowercase=False,
        vocabulary=1_000_000,
        units=512,
        layers=2,
        window=3,
        streams=1,
        dropout=0.0,
        learning_rate=0.001,
        iterations=50_000,
        valid_fraction=0.0,
        patience=0,
    ),
}

_BASE = LabelsSettings(
    embedding_size=100,
    units=64,
    dropout=0.4,
    learning_rate=0.5,
    epochs=8,
    patience=4,
    min_steps=600,
    linear=True,
    folds=5,
    minutes=15.0,
)

_ARTICLE = LabelsSettings(
    network="article",
    tokens="keras",
    vocabulary=996,
    embedding_size=50,
    units=100,
    length=200,
    learning_rate=0.001,
    valid_fraction=0.0,
    patience=0,
)

LABELS_PRESETS: dict[str, LabelsSettings] = {
    "quick": replace(
        _BASE,
        vocabulary=20_000,
        embedding_size=64,
        units=32,
        length=200,
        learning_rate=1.0,
        epochs=5,
        patience=3,
        minutes=1.5,
    ),
    "base": _BASE,
    "best": replace(_BASE, embedding_size=128, units=128, minutes=60.0),
    "article": _ARTICLE,
    "cnn-lstm": replace(_ARTICLE, network="cnn-lstm", epochs=6, valid_fraction=0.05, patience=2),
}

PRESETS: dict[Job, Mapping[str, Settings]] = {"words": WORDS_PRESETS, "labels": LABELS_PRESETS}
DEFAULT_PRESET = "base"


def labels_preset_for(minutes: float) -> str:
    """Return the labels preset for a time limit in minutes.

    `best` is never chosen: its network is twice as wide as that of `base` and takes twice the time,
    for a small gain (docs/benchmarks.md).
    """
    if minutes < 5:
        return "quick"
    return "base"


# Two cores train `best` for some fifteen epochs on a corpus of this many words per minute. With
# fewer epochs its high dropout, which prevents overfitting, only slows training down.
_WORDS_PER_MINUTE = 30_000


def words_preset_for(minutes: float, words: int) -> str:
    """Return the words preset for a time limit in minutes and a corpus of this many words."""
    if minutes >= 20 and words <= minutes * _WORDS_PER_MINUTE:
        return "best"
    return "base"


def changed(job: Job, settings: Settings, name: str) -> frozenset[str]:
    """Return the names of the settings that differ from those of a preset; none where it does not
    exist.
    """
    before = to_dict(PRESETS[job].get(name, settings))
    return frozenset(key for key, value in to_dict(settings).items() if value != before[key])


def preset(job: Job, name: str) -> Settings:
    """Return the preset called `name`.

    Raises:
        SettingsError: no preset of that job has this name.
    """
    presets = PRESETS[job]
    if name not in presets:
        raise SettingsError(
            f"a preset for {job}: {', '.join(presets)}",
            f"'{name}'",
            where="preset",
            fix=did_you_mean(name, presets),
        )
    return presets[name]
