"""Which settings a search varies, and between which values. Every range includes the preset's value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.errors import UsageError

if TYPE_CHECKING:
    from optuna.trial import Trial

Value = bool | int | float | str
Changes = dict[str, Any]
"""Setting to value."""

_DIGITS = 3
"""Numbers are rounded to so many significant digits, so that a command can repeat them."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers between two bounds, `low` and `high` included; with `log` drawn by their logarithm."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Trial, name: str) -> float:
        """Return the number of a trial."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Value, ...]

    def suggest(self, trial: Trial, name: str) -> Value:
        """Return the value of a trial."""
        value: Any = trial.suggest_categorical(name, self.values)
        return cast(Value, value)


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is searched.

    Attributes:
        settings: setting to its values.
        preset: setting to the preset's value.
        first: the changes of the first trials: none, then one setting each. A search of few trials learns
            more from these than from random points, which change everything at once.
    """

    settings: dict[str, Range | Choice]
    preset: Changes
    first: tuple[Changes, ...] = field(default=())

    def suggest(self, trial: Trial) -> Changes:
        """Return the settings of a trial that differ from the preset's."""
        drawn = {name: _rounded(each.suggest(trial, name)) for name, each in self.settings.items()}
        return {name: value for name, value in drawn.items() if value != _rounded(self.preset[name])}

    def point(self, changes: Mapping[str, Any]) -> Changes:
        """Return the value of every searched setting of a trial with these changes."""
        return {name: changes.get(name, self.preset[name]) for name in self.settings}

    def describe(self) -> dict[str, Any]:
        """Return the space as values that JSON can hold: bounds, or the values."""
        return {
            name: [each.low, each.high] if isinstance(each, Range) else list(each.values)
            for name, each in self.settings.items()
        }


def space_of(settings: Settings, fixed: Iterable[str]) -> Space:
    """Return the space around the settings of a preset.

    Tokens, vocabulary and lower case of a language model are not searched: they change what a perplexity is
    of, and figures of different tokens cannot be compared.

    Args:
        settings: the preset, with the user's own settings.
        fixed: the settings that the user gave; they are not searched.

    Raises:
        UsageError: nothing is left to search.
    """
    parts = _words(settings) if isinstance(settings, WordsSettings) else _labels(settings)
    searched = {name: part for name, part in parts.items() if name not in set(fixed)}
    if not searched:
        raise UsageError(
            expected=f"a setting to search ({', '.join(parts)})",
            found="all of them given",
            fix="leave one of them out",
        )
    preset = {name: getattr(settings, name) for name in searched}
    first = [{}, *({name: value} for name, value in _variations(settings) if name in searched)]
    return Space(settings=searched, preset=preset, first=tuple(first))


def _words(settings: WordsSettings) -> dict[str, Range | Choice]:
    return {
        "learning_rate": _rates(settings, 4, 2),
        "dropout": _around(settings.dropout, 0.0, 0.7),
        "word_dropout": _around(settings.word_dropout, 0.0, 0.3),
        "units": _sizes(settings.units),
        "streams": _choice(settings.streams, 8, 16, 32),
    }


def _labels(settings: Settings) -> dict[str, Range | Choice]:
    assert isinstance(settings, LabelsSettings)
    shared: dict[str, Range | Choice] = {
        "learning_rate": _rates(settings, 4, 4),
        "dropout": _around(settings.dropout, 0.0, 0.7),
        "units": _sizes(settings.units),
        "batch_size": _choice(settings.batch_size, 32, 64, 128),
    }
    if settings.tokens == "keras":
        # The presets with Keras's conventions keep few words, as the programs that they repeat.
        return {**shared, "vocabulary": _choice(settings.vocabulary, 996, 5_000, 20_000)}
    return {
        **shared,
        "tokens": _choice(settings.tokens, "words", "subword"),
        "lowercase": Choice((True, False)),
    }


def _variations(settings: Settings) -> list[tuple[str, Value]]:
    """Return the first changes, the one that helps most often first."""
    rate = _rounded(settings.learning_rate)
    if isinstance(settings, WordsSettings):
        return [
            ("dropout", 0.5 if settings.dropout < 0.35 else 0.2),
            ("units", 2 * settings.units),
            ("word_dropout", 0.1 if settings.word_dropout < 0.05 else 0.0),
            ("streams", 8),
            ("learning_rate", _rounded(rate / 2)),
        ]
    tokens = getattr(settings, "tokens", "words")
    return [
        ("lowercase", not settings.lowercase),
        ("tokens", "words" if tokens == "subword" else "subword"),
        ("vocabulary", 5_000 if settings.vocabulary != 5_000 else 20_000),
        ("batch_size", 32 if getattr(settings, "batch_size", 0) != 32 else 64),
        ("learning_rate", _rounded(_rates(settings, 4, 4).high / 2)),
        ("units", 2 * settings.units),
    ]


def _rates(settings: Settings, down: float, up: float) -> Range:
    """Return learning rates around the preset's, within those that the optimizer allows."""
    low, high = (0.05, 100.0) if settings.optimizer == "sgd" else (1e-8, 0.1)
    rate = settings.learning_rate
    return Range(low=min(max(rate / down, low), rate), high=max(min(rate * up, high), rate), log=True)


def _around(value: float, low: float, high: float) -> Range:
    return Range(low=min(low, value), high=max(high, value))


def _sizes(size: int) -> Choice:
    return _choice(size, max(1, size // 2), size, 2 * size)


def _choice(preset: Value, *values: Value) -> Choice:
    """Return the values with the preset's among them, numbers in ascending order."""
    every = dict.fromkeys((*values, preset))
    return Choice(tuple(sorted(every) if isinstance(preset, int) else every))


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
