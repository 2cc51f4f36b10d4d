"""Settings and presets: every number that shapes a model, in one place.

A preset is a named, frozen `WordsSettings` or `LabelsSettings`. Any field can be replaced, from
Python (keyword arguments), from the command line (`--learning-rate 0.01`), from TOML and from the
environment. The rules are checked whenever settings are made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args, get_type_hints

from foretell.errors import SettingsError
from foretell.names import SETTINGS as OTHER_NAMES
from foretell.names import fix_for
from foretell.readable import plain

OPEN = ("subword", "char")
"""Tokens with an open vocabulary."""

Job = Literal["words", "labels"]

Purpose = Literal["time", "model", "learning", "text", "validation", "ensemble"]
"""What a setting is for; `train --help` groups the settings by it."""

DENSE_UNITS = 250
"""Units of the dense layer before the output of the labels networks "article" and "cnn-lstm"."""

FILTERS = 64
KERNEL_SIZE = 5
POOL_SIZE = 4
"""Of the network "cnn-lstm": filters, words that a filter covers, positions that are pooled to
one.
"""

SUBWORDS = 8_000
"""Subwords that are learned unless the vocabulary is set, a choice by measurement
(docs/experiments.md).
"""


Value = TypeVar("Value", bound=bool | int | float | str)


def setting(
    default: Value,
    purpose: Purpose,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    common: bool = False,
) -> Value:
    """Declare one field.

    Args:
        default: the value where no preset says otherwise.
        purpose: the group of `train --help` that shows it.
        help: one sentence: what it does, with its unit.
        low, high: the inclusive range of its values.
        common: whether `train --help` shows it; `train --help-all` shows every setting.
    """
    metadata = {"help": help, "low": low, "high": high, "purpose": purpose, "common": common}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What both jobs share."""

    seed: int = setting(
        1, "learning", "Set the seed of every random choice.", low=0, high=2**31 - 1, common=True
    )
    lowercase: bool = setting(True, "text", "Convert text to lower case.", common=True)
    vocabulary: int = setting(
        30_000,
        "text",
        "Keep at most N words in the network's vocabulary, the most frequent ones; with "
        "--tokens subword learn at "
        f"most N subwords ({SUBWORDS:,} unless set), with --tokens char keep at most N characters.",
        low=1,
        high=1_000_000,
        common=True,
    )
    embedding_size: int = setting(
        128, "model", "Use embeddings of N dimensions.", low=1, high=8192, common=True
    )
    units: int = setting(
        128,
        "model",
        "Use N units in each LSTM layer, per direction.",
        low=1,
        high=8192,
        common=True,
    )
    dropout: float = setting(
        0.2,
        "learning",
        "Set this fraction of the activations to zero in training (dropout).",
        low=0.0,
        high=0.95,
        common=True,
    )
    learning_rate: float = setting(
        0.05,
        "learning",
        "Use this learning rate; where the preset has a schedule, its highest one.",
        low=1e-8,
        high=100.0,
        common=True,
    )
    epochs: int = setting(
        10, "time", "Stop after N passes over the training data (epochs).", low=1, common=True
    )
    minutes: float = setting(
        0.0,
        "time",
        "Stop after N minutes, reading and writing included (0: no limit).",
        low=0.0,
        common=True,
    )
    valid_fraction: float = setting(
        0.1,
        "validation",
        "Use this fraction of the data for validation instead of training.",
        low=0.0,
        high=0.9,
        common=True,
    )
    patience: int = setting(
        2,
        "validation",
        "Stop after N epochs without a better validation result (0: never).",
        low=0,
        common=True,
    )

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            _check(f, hints[f.name], getattr(self, f.name))

    @property
    def follows_article(self) -> bool:
        """Whether it is trained as in the article: constant learning rate, no gradient clipping,
        the weights of the last epoch, and probabilities that are not calibrated."""
        return getattr(self, "network", None) == "article"

    @property
    def has_open_vocabulary(self) -> bool:
        """Whether every text has tokens, so that no word is unknown. A token is then not a word."""
        return getattr(self, "tokens", None) in OPEN


# The optimiser of each network, and the lowest, the highest and the usual learning rate: outside it
# learns nothing, or diverges.
_RATES = {
    "article": ("Adam", 1e-8, 0.1, 0.001),
    "cnn-lstm": ("Adam", 1e-8, 0.1, 0.001),
    "bilstm": ("SGD with momentum", 0.05, 100.0, 0.5),
    "lstm": ("SGD", 0.05, 100.0, 20.0),
}


def _check_rate(network: str, rate: float) -> None:
    optimizer, low, high, usual = _RATES[network]
    if not low <= rate <= high:
        raise SettingsError(
            f"a rate of {low:g} to {high:g} for the network {network} ({optimizer})",
            f"{rate:g}",
            where="learning-rate",
            fix=f"{usual:g} is usual",
        )


@dataclass(frozen=True, kw_only=True)
class WordsSettings(CommonSettings):
    """Settings of a language model. Which of the fields below have an effect depends on
    `network`.
    """

    network: Literal["article", "lstm"] = setting(
        "lstm",
        "model",
        "Use this network: article (raw integers, one window of words) or lstm (embeddings, LSTM "
        "state carried from window to window).",
    )
    tokens: Literal["white-space", "words", "subword", "char"] = setting(
        "words",
        "text",
        "Split text into these tokens: white-space (split at white space only), words (Unicode "
        "words and punctuation), subword (parts of words, learned from the text) or char "
        "(characters). With subword and char no word is unknown.",
    )
    layers: int = setting(1, "model", "Stack N LSTM layers.", low=1, high=8, common=True)
    word_dropout: float = setting(
        0.0,
        "learning",
        "Set the embeddings of this fraction of the vocabulary to zero in each training step, and "
        "average the weights over the last ninth of the steps.",
        low=0.0,
        high=0.95,
    )
    window: int = setting(
        35,
        "learning",
        "Read N words of each stream in one training step (truncated backpropagation).",
        low=1,
        high=10_000,
    )
    streams: int = setting(
        32, "learning", "Cut the corpus into N parallel streams (the batch size).", low=1, high=8192
    )
    min_steps: int = setting(
        400,
        "time",
        "Train for at least N steps; small data sets are repeated for more epochs.",
        low=1,
    )
    kneser_ney: bool = setting(
        False,
        "ensemble",
        "Interpolate the network with a Kneser–Ney model, with weights fitted on validation text.",
        common=True,
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = setting(
        "auto",
        "learning",
        "Compute the large matrix products of training in this precision. auto: the one that a "
        "measurement finds faster on this machine, so another machine may use the other one.",
    )
    iterations: int = setting(
        50_000,
        "time",
        "Train for N steps of one window each (preset article only).",
        low=1,
        common=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.follows_article:
            _check_rate(self.network, self.learning_rate)
        elif self.has_open_vocabulary:
            raise SettingsError(
                "white-space or words with the network article, which reads three words",
                self.tokens,
                where="tokens",
                fix="choose --preset base",
            )


@dataclass(frozen=True, kw_only=True)
class LabelsSettings(CommonSettings):
    """Settings of a text classifier. Which of the fields below have an effect depends on
    `network`.
    """

    network: Literal["article", "bilstm", "cnn-lstm"] = setting(
        "bilstm",
        "model",
        "Use this network: article (one LSTM), bilstm (one LSTM per direction, pooled) or "
        "cnn-lstm (convolution, then LSTM).",
    )
    tokens: Literal["keras", "words", "subword", "char"] = setting(
        "words",
        "text",
        "Split text into these tokens: keras (the conventions of Keras's IMDB data), words "
        "(Unicode words and "
        "punctuation), subword (parts of words, learned from the texts) or char (characters).",
    )
    length: int = setting(
        400,
        "text",
        "Let the network read at most N tokens of a text, the last ones.",
        low=1,
        high=100_000,
        common=True,
    )
    batch_size: int = setting(
        64, "learning", "Use N texts in one training step.", low=1, high=65_536, common=True
    )
    linear: bool = setting(
        False,
        "ensemble",
        "Combine the network with an n-gram linear model, with ensemble weights fitted on "
        "validation texts.",
        common=True,
    )
    folds: int = setting(
        0,
        "ensemble",
        "Combine several linear models, and choose their penalties and weights on out-of-fold "
        "predictions of N folds where there is time (0: one linear model only).",
        low=0,
        high=20,
    )
    min_steps: int = setting(
        1,
        "time",
        "Train for at least N steps; small data sets are repeated for more epochs.",
        low=1,
    )
    max_steps: int = setting(
        0, "time", "Train for at most N steps, in whole epochs (0: no limit).", low=0
    )
    balance: bool = setting(
        False,
        "learning",
        "Use class weights: every label counts the same in training, however few texts it has. "
        "Probabilities are corrected to the true shares of the labels, so a rare label still "
        "needs evidence to be predicted.",
        common=True,
    )
    multi_label: str = setting(
        "",
        "text",
        "Let a text have several labels, or none. In a cell this separator divides them, for "
        'example ";"; in JSON, '
        "Parquet and Hugging Face data sets they may be a list. See docs/multi-label.md.",
        common=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rate(self.network, self.learning_rate)
        self._check_multi_label()
        if self.folds == 1:
            raise SettingsError("0, or 2 folds or more", "1", where="folds")

    @property
    def is_bidirectional(self) -> bool:
        """Whether there is an LSTM in each direction, both pooled, and texts are padded at the
        end.
        """
        return self.network == "bilstm"

    def _check_multi_label(self) -> None:
        separator = self.multi_label
        if separator and (
            not separator.strip() or len(separator) > 10 or any(map(str.isalnum, separator))
        ):
            raise SettingsError(
                "a separator without letters and digits, and not of white space alone",
                repr(separator)[:40],
                where="multi-label",
                fix="separate the labels in a cell by ; or |",
            )
        if separator and self.balance:
            raise SettingsError(
                "no class weights where texts have several labels: each label has a "
                "threshold of its own",
                "balance",
                where="multi-label",
                fix="leave out balance",
            )


def _check(f: dataclasses.Field[object], hint: type, value: float | str) -> None:
    where = f.name.replace("_", "-")
    choices = get_args(hint)
    if choices:
        if value not in choices:
            raise SettingsError(f"one of {', '.join(choices)}", repr(value), where=where)
        return
    is_number = hint is float and type(value) is int
    if type(value) is not hint and not is_number:
        fix = "leave out the quotes" if isinstance(value, str) else ""
        raise SettingsError(f"a value of type {hint.__name__}", repr(value), where=where, fix=fix)
    if not isinstance(value, str) and f.metadata["low"] is not None:
        _check_range(where, value, f.metadata["low"], f.metadata["high"])


def _check_range(where: str, value: float, low: float, high: float | None) -> None:
    bounds = f"at least {plain(low)}"
    if high is not None:
        bounds = f"a number from {plain(low)} to {plain(high)}"
    elif value == math.inf:
        bounds += ", and finite"
    # Written so that NaN fails too.
    if not low <= value < math.inf or (high is not None and value > high):
        raise SettingsError(bounds, plain(value), where=where)


Settings = WordsSettings | LabelsSettings
AnySettings = TypeVar("AnySettings", bound=CommonSettings)


def with_changes(settings: AnySettings, changes: Mapping[str, object]) -> AnySettings:
    """Return `settings` with some fields replaced and every rule checked again.

    With the tokens "subword" and no vocabulary among the changes, the vocabulary is that of
    `SUBWORDS`.

    Raises:
        SettingsError: a field that does not exist (the nearest name is offered), or a value out of
            range.
    """
    known = [f.name for f in dataclasses.fields(settings)]
    for name in changes:
        if name not in known:
            raise SettingsError(
                f"a setting of {type(settings).__name__}",
                f"'{name}'",
                fix=fix_for(name, known, OTHER_NAMES) or "see foretell info --presets",
            )
    # NumPy's numbers, which a parameter grid may hold, as Python's.
    new = {
        name: value.item() if hasattr(value, "item") else value for name, value in changes.items()
    }
    if new.get("tokens") == "subword" and "vocabulary" not in new:
        new["vocabulary"] = SUBWORDS
    return dataclasses.replace(settings, **new)  # type: ignore[arg-type]


def to_dict(settings: Settings) -> dict[str, bool | int | float | str]:
    """Return the fields as plain values, ready for JSON."""
    return dataclasses.asdict(settings)


def from_dict(job: Job, values: Mapping[str, object]) -> Settings:
    """Rebuild settings that `to_dict` wrote.

    Raises:
        SettingsError: an unknown field or a value out of range.
    """
    base = WordsSettings() if job == "words" else LabelsSettings()
    return with_changes(base, values)
