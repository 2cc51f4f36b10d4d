"""Typed settings and the presets: every number that shapes a model, in one place.

A preset is a named, frozen `WordsSettings` or `LabelsSettings`. Any field can be replaced, from Python
(`dataclasses.replace` or keyword arguments), from the command line (`--learning-rate 0.01`), from TOML and
from the environment; the rules are checked whenever settings are made.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from foretell.errors import SettingsError

Job = Literal["words", "labels"]


def setting(default: Any, help: str, *, low: float | None = None, high: float | None = None) -> Any:
    """Declare one field: its default, one line of help, and the inclusive range of its values."""
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both jobs share."""

    seed: int = setting(1, "seed of every random choice", low=0, high=2**31 - 1)
    lowercase: bool = setting(True, "fold letters to lower case")
    min_count: int = setting(1, "leave out words seen fewer times than this", low=1)
    vocabulary: int = setting(30_000, "most words to know, the most frequent first", low=1, high=1_000_000)
    embedding_size: int = setting(128, "numbers in a word's embedding", low=1, high=8192)
    units: int = setting(128, "units of each LSTM layer (each direction)", low=1, high=8192)
    dropout: float = setting(0.2, "part of the values dropped while training", low=0.0, high=0.95)
    optimizer: Literal["adam", "sgd"] = setting(
        "adam", "adam · sgd: steps down the gradient, at a far larger rate (but words' article has its own)"
    )
    learning_rate: float = setting(
        0.001, "learning rate (its peak, where there is a schedule)", low=1e-8, high=100.0
    )
    epochs: int = setting(10, "passes over the data, at most", low=1)
    minutes: float = setting(
        0.0, "most minutes for everything; the last step comes in time; 0: as many as it takes", low=0.0
    )
    held_out: float = setting(0.1, "part of the data held out to watch training", low=0.0, high=0.9)
    patience: int = setting(2, "epochs without a better held-out part before stopping; 0: never", low=0)

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            _check(f, hints[f.name], getattr(self, f.name))

    def _check_rate(self, usual: dict[str, float]) -> None:
        """Raise where the optimizer would not learn at this rate, or never recover from it."""
        low, high = _RATES[self.optimizer]
        if low <= self.learning_rate <= high:
            return
        other = "sgd" if self.optimizer == "adam" else "adam"
        raise SettingsError(
            expected=f"a rate of {low:g} to {high:g} with the optimizer {self.optimizer}",
            found=f"{self.learning_rate:g}",
            where="learning-rate",
            fix=f"{usual[self.optimizer]:g} is usual; or set the optimizer to {other}",
        )


# The lowest and the highest of each optimizer.
_RATES = {"adam": (1e-8, 0.1), "sgd": (0.05, 100.0)}


@dataclass(frozen=True, kw_only=True)
class WordsSettings(Settings):
    """Settings of a language model. `network` says which of the fields below have a meaning."""

    network: Literal["article", "lstm"] = setting(
        "lstm", "article: raw integers, windows · lstm: embeddings, carried state"
    )
    tokens: Literal["white-space", "words"] = setting(
        "words", "white-space: split there only · words: Unicode words and punctuation"
    )
    layers: int = setting(1, "LSTM layers, one on another", low=1, high=8)
    recurrent_dropout: float = setting(
        0.0, "part of the LSTM's state dropped while training, the same in a whole window", low=0.0, high=0.95
    )
    word_dropout: float = setting(
        0.0, "part of all words that a training step reads as nothing", low=0.0, high=0.95
    )
    window: int = setting(35, "words that one training step sees of each stream", low=1, high=10_000)
    streams: int = setting(32, "parallel streams that the corpus is cut into", low=1, high=8192)
    clip_norm: float = setting(1.0, "largest global norm of the gradient", low=1e-6)
    negatives: int = setting(
        2_048, "sampled words of the softmax in training, where the vocabulary is larger; 0: all", low=0
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = setting(
        "auto", "of training's large products; auto: mixed_bfloat16 where a probe finds it faster (lstm)"
    )
    min_steps: int = setting(400, "least training steps: a small corpus is passed over more often", low=1)
    ngrams: bool = setting(False, "mix in an n-gram model, as the held-out part says (lstm)")
    most_ngrams: int = setting(1_000_000, "most n-grams that it keeps, those that tell most", low=1)
    iterations: int = setting(50_000, "article only: training steps of one window each", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network == "lstm":
            self._check_rate({"adam": 0.003, "sgd": 20.0})


@dataclass(frozen=True, kw_only=True)
class LabelsSettings(Settings):
    """Settings of a text classifier. `network` says which of the fields below have a meaning."""

    network: Literal["article", "bilstm", "cnn-lstm"] = setting(
        "bilstm", "article: one LSTM · bilstm: both directions, pooled · cnn-lstm: convolution, then LSTM"
    )
    tokens: Literal["keras", "words"] = setting(
        "words", "keras: Keras's IMDB conventions · words: Unicode words and punctuation"
    )
    length: int = setting(400, "most words of a text that are read, the last ones", low=1, high=100_000)
    batch_size: int = setting(64, "texts in a training step", low=1, high=65_536)
    momentum: float = setting(0.0, "part of each step that goes on in the next (sgd)", low=0.0, high=0.99)
    dense_units: int = setting(
        250, "units of the dense layer before the last (article, cnn-lstm)", low=1, high=65_536
    )
    recurrent_dropout: float = setting(
        0.0, "part of the LSTM's state dropped while training (article)", low=0.0, high=0.95
    )
    filters: int = setting(64, "filters of the convolution (cnn-lstm)", low=1, high=8192)
    kernel_size: int = setting(5, "words under one filter (cnn-lstm)", low=1, high=99)
    pool_size: int = setting(4, "positions pooled into one (cnn-lstm)", low=1, high=99)
    keep: Literal["last", "best"] = setting(
        "best", "which epoch to keep: the last, or the best on the held-out part"
    )
    linear: bool = setting(False, "mix in a linear model of 1-3 grams, as the held-out part says")
    linear_vocabulary: int = setting(200_000, "most words that the linear model knows", low=1, high=1_000_000)
    refit: bool = setting(False, "fit the linear model once more at the end, to the held-out texts too")
    word_vectors: bool = setting(
        False, "start from vectors of the words, made of which words stand near which in all texts (bilstm)"
    )
    text_vectors: bool = setting(
        False, "let vectors of whole texts help the linear model to label the unlabelled ones"
    )
    min_steps: int = setting(1, "least training steps: few texts are passed over more often", low=1)
    most_steps: int = setting(
        0, "most training steps, in whole passes: many texts are passed over less often; 0: any number", low=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_rate({"adam": 0.003, "sgd": 0.5})


def _check(f: dataclasses.Field[Any], hint: Any, value: Any) -> None:
    where = f.name.replace("_", "-")
    choices = get_args(hint)
    if choices:
        if value not in choices:
            raise SettingsError(expected=f"one of {', '.join(choices)}", found=repr(value), where=where)
        return
    is_number = hint is float and type(value) is int
    if type(value) is not hint and not is_number:
        raise SettingsError(expected=f"a value of type {hint.__name__}", found=repr(value), where=where)
    if hint is not bool:
        _check_range(f, where, value)


def _check_range(f: dataclasses.Field[Any], where: str, value: float) -> None:
    low, high = f.metadata["low"], f.metadata["high"]
    # Written so that NaN fails too.
    if not ((low is None or value >= low) and (high is None or value <= high)):
        bounds = f"at least {low}" if high is None else f"a number from {low} to {high}"
        raise SettingsError(expected=bounds, found=repr(value), where=where)


AnySettings = TypeVar("AnySettings", bound=Settings)

WORDS_PRESETS: dict[str, WordsSettings] = {
    "article": WordsSettings(
        network="article", tokens="white-space", lowercase=False, vocabulary=1_000_000, units=512, layers=2,
        window=3, streams=1, dropout=0.0, learning_rate=0.001, iterations=50_000, held_out=0.0, patience=0,
    ),
    "base": WordsSettings(
        network="lstm", tokens="words", lowercase=False, vocabulary=20_000, embedding_size=256, units=256,
        layers=1, window=35, streams=16, dropout=0.2, optimizer="sgd", clip_norm=0.25, learning_rate=20.0,
        epochs=8, held_out=0.05, patience=2, min_steps=240, ngrams=True,
    ),
    "best": WordsSettings(
        network="lstm", tokens="words", lowercase=False, vocabulary=20_000, embedding_size=512, units=512,
        layers=1, window=35, streams=16, dropout=0.5, optimizer="sgd", clip_norm=0.25, learning_rate=20.0,
        epochs=40, held_out=0.05, patience=5, min_steps=240, ngrams=True, minutes=60.0,
    ),
}  # fmt: skip

LABELS_PRESETS: dict[str, LabelsSettings] = {
    "article": LabelsSettings(
        network="article", tokens="keras", vocabulary=996, embedding_size=50, units=100, length=200,
        dropout=0.2, recurrent_dropout=0.2, dense_units=250, batch_size=64, learning_rate=0.001, epochs=10,
        held_out=0.0, patience=0, keep="last",
    ),
    "cnn-lstm": LabelsSettings(
        network="cnn-lstm", tokens="keras", vocabulary=996, embedding_size=50, units=100, length=200,
        dropout=0.2, dense_units=250, filters=64, kernel_size=5, pool_size=4,
        batch_size=64, learning_rate=0.001, epochs=6, held_out=0.05, patience=2, keep="best",
    ),
    "quick": LabelsSettings(
        network="bilstm", tokens="words", vocabulary=20_000, embedding_size=64, units=32, length=200,
        dropout=0.4, batch_size=64, optimizer="sgd", momentum=0.9, learning_rate=1.0, epochs=5,
        held_out=0.1, patience=3, keep="best", min_steps=600, most_steps=2_400, linear=True,
        word_vectors=True, text_vectors=True, minutes=1.5,
    ),
    "base": LabelsSettings(
        network="bilstm", tokens="words", vocabulary=30_000, embedding_size=100, units=64, length=400,
        dropout=0.4, batch_size=64, optimizer="sgd", momentum=0.9, learning_rate=0.5, epochs=8,
        held_out=0.1, patience=4, keep="best", min_steps=600, most_steps=3_600, linear=True,
        word_vectors=True, text_vectors=True, refit=True, minutes=15.0,
    ),
    "best": LabelsSettings(
        network="bilstm", tokens="words", vocabulary=30_000, embedding_size=128, units=128, length=400,
        dropout=0.4, batch_size=64, optimizer="sgd", momentum=0.9, learning_rate=0.5, epochs=8,
        held_out=0.1, patience=4, keep="best", min_steps=600, linear=True,
        word_vectors=True, text_vectors=True, refit=True, minutes=60.0,
    ),
}  # fmt: skip

DEFAULT_PRESET = "base"


def labels_preset_for(minutes: float) -> str:
    """Return the labels preset that makes the most of so many minutes.

    `best` is never chosen: a network twice as wide gives a tenth or two of a per cent more than that of `base`,
    in twice the time (docs/benchmarks.md).
    """
    return "quick" if minutes < 5 else "base"


# Of a corpus of so many words for each minute, two cores read `best` some fifteen times: with fewer passes its
# dropout, which keeps it from learning by heart, only slows it down.
_WORDS_A_MINUTE = 30_000


def words_preset_for(minutes: float, words: int) -> str:
    """Return the words preset that makes the most of so many minutes with a corpus of so many words."""
    return "best" if minutes >= 20 and words <= minutes * _WORDS_A_MINUTE else "base"


def preset(job: Job, name: str) -> WordsSettings | LabelsSettings:
    """Return the preset called `name`.

    Raises:
        SettingsError: no preset of that job has this name.
    """
    presets: dict[str, Any] = WORDS_PRESETS if job == "words" else LABELS_PRESETS
    if name not in presets:
        raise SettingsError(
            expected=f"a preset for {job}: {', '.join(presets)}", found=f"'{name}'", where="--preset"
        )
    found: WordsSettings | LabelsSettings = presets[name]
    return found


def with_changes(settings: AnySettings, changes: dict[str, Any]) -> AnySettings:
    """Return `settings` with some fields replaced and every rule checked again.

    Raises:
        SettingsError: a field that does not exist (the nearest name is offered), or a value out of range.
    """
    known = {f.name for f in dataclasses.fields(settings)}
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(
                expected=f"a setting of {type(settings).__name__}",
                found=f"'{name}'",
                fix=f"did you mean {near[0]}?" if near else "see foretell info --presets",
            )
    return dataclasses.replace(settings, **changes)


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return the fields as plain values, ready for JSON."""
    return dataclasses.asdict(settings)


def from_dict(job: Job, values: dict[str, Any]) -> WordsSettings | LabelsSettings:
    """Rebuild settings that `to_dict` wrote.

    Raises:
        SettingsError: an unknown field or a value out of range.
    """
    base = WordsSettings() if job == "words" else LabelsSettings()
    return with_changes(base, values)
