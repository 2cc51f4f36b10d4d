"""A training that continues a language model: what it takes over, its texts, and what is
forgotten.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import WordsSettings, with_changes
from foretell.data.corpus import Corpus
from foretell.errors import SettingsError, UsageError
from foretell.presets import DEFAULT_PRESET, WORDS_PRESETS, preset
from foretell.readable import percent
from foretell.runtime.words.evaluation import compare_words
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.options import check_unchanged
from foretell.training.run import Run
from foretell.training.words.data import MIN_VALID

_SHAPE = ("network", "tokens", "lowercase", "embedding_size", "units", "layers")
"""Settings that the weights and the tokens of a model depend on: they stay as they are."""

RATE = 0.25
"""The learning rate of a continued training, in proportion to that of the model
(docs/benchmarks.md).
"""

MAX_VOCABULARY = 1_000_000
NEW_WORDS = 5_000
"""Words that a text adds to a vocabulary that is full."""

MAX_CHARACTERS = 100_000
"""Characters of new and of old text that both models are measured on: the last ones, which the old
model has hardly learned from.
"""

REHEARSED = 3
NEW_TEXTS = 2
"""A pass reads the new text so many times, and so much old text, in sizes of the new one: the more
old text, the farther the weights may go from the old ones (docs/experiments.md).
"""

MIN_MEASURED = 1_000
"""Characters of old text that are measured, at least."""

_MAX_LINE = 10_000
"""Longer lines are cut, at white space where there is some."""

_MANY_UNKNOWN = 0.2
"""The part of the new text's words from which on unknown words are reported."""

# English has some five characters a word.
_CHARACTERS_PER_WORD = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class ContinuedWords:
    """What a training continues. Made by `opened`.

    Attributes:
        model: the language model, with its weights.
        old: old text, learned from again, or None.
    """

    model: Model
    old: Corpus | None = None

    def digests(self) -> list[str]:
        """Return what decides the training beside the new text."""
        of_old = "no old text" if self.old is None else self.old.digest()
        return [f"continues {self.model.sha256}", of_old]


def opened(path: str | Path | None, old: Corpus | None) -> ContinuedWords | None:
    """Return what a training continues; None: it continues nothing.

    Args:
        path: the model directory of a language model, or None.
        old: its old text, or None.

    Raises:
        SettingsError: old text without a model.
        UsageError: the model is a classifier, or the article's language model.
        ArtifactError: it cannot be trusted (each reason has its own subclass).
    """
    if path is None:
        if old is not None:
            raise SettingsError("a model to continue, whose old text this is", "none", where="old")
        return None
    model = read_model(path)
    settings = model.settings
    if not isinstance(settings, WordsSettings) or settings.follows_article:
        found = "the article's, which reads raw integers"
        if model.job == "labels":
            found = "a classifier"
        raise UsageError(
            "a language model to continue",
            found,
            where=path,
            fix="train one with foretell train words --preset base",
        )
    return ContinuedWords(model=model, old=old)


def settings_for(
    name: str | None, changes: Mapping[str, object], continued: ContinuedWords | None
) -> tuple[WordsSettings, str]:
    """Return the settings of a training, and the name of their preset.

    A training that continues a model starts from the model's settings, with the time limit of its
    preset. Without old text, to measure what is forgotten, the learning rate is a quarter, unless
    it is given. A vocabulary that is full grows by `NEW_WORDS`.

    Args:
        name: of the preset to start from; None: that of the model to continue, or the default
            preset.
        changes: fields to change.
        continued: what the training continues, or None.

    Raises:
        SettingsError: no such preset or setting; or another network, other tokens or other sizes
            than the model to continue has.
    """
    if continued is None:
        name = name or DEFAULT_PRESET
        return with_changes(cast(WordsSettings, preset("words", name)), dict(changes)), name
    model = continued.model
    own = cast(WordsSettings, model.settings)
    base = own if name is None else cast(WordsSettings, preset("words", name))
    room = max(base.vocabulary, model.tokenizer.size + NEW_WORDS)
    # A time limit that was given for another text says nothing of this one.
    usual: dict[str, object] = {
        "vocabulary": min(room, MAX_VOCABULARY),
        "minutes": WORDS_PRESETS.get(name or model.preset, WORDS_PRESETS[DEFAULT_PRESET]).minutes,
    }
    if continued.old is None and (name is not None or not model.ancestors):
        usual["learning_rate"] = RATE * base.learning_rate
    settings = with_changes(base, {**usual, **changes})
    check_unchanged(own, settings, _SHAPE)
    return settings, name or model.preset


def continued_corpus(
    new: Corpus, continued: ContinuedWords, valid: Corpus | None, settings: WordsSettings
) -> tuple[Corpus, Corpus | None, Corpus | None, WordsSettings]:
    """Return the texts of a training that continues a language model.

    The end of each text is set aside, a fraction `valid_fraction` of its lines: of the new text for
    validation, of the old text to measure what the model has forgotten. Of the rest of the old text
    the end is learned from again (rehearsal: Robins 1995).

    Returns:
        the training text, old text first; validation text, or None; old text that the training does
        not read, or None; the settings, with no `valid_fraction` where the new text is too short
        for validation.
    """
    if valid is None:
        new, valid = _cut(new, settings.valid_fraction, MIN_VALID * _CHARACTERS_PER_WORD)
    if valid is None:
        settings = replace(settings, valid_fraction=0.0)
    if continued.old is None:
        return new, valid, None, settings
    old, old_valid = _cut(continued.old, settings.valid_fraction, MIN_MEASURED)
    again = _end_of(old, REHEARSED * sum(map(len, new)))
    parts = [again, *[new] * NEW_TEXTS]
    notes = [*old.notes, *new.notes]
    train = Corpus(
        f"{old.name} and {new.name}", lambda: itertools.chain.from_iterable(parts), notes
    )
    return train, valid, old_valid, settings


def _cut(corpus: Corpus, fraction: float, min_characters: int) -> tuple[Corpus, Corpus | None]:
    """Return a text without its end, and the end; None: it would be too short to measure."""

    def lines(start: int, stop: int | None) -> Iterator[str]:
        return itertools.islice(itertools.chain.from_iterable(map(_wrapped, corpus)), start, stop)

    lengths = np.array([len(line) for line in lines(0, None)])
    border = len(lengths) - int(len(lengths) * fraction)
    if lengths[border:].sum() < min_characters or border == 0:
        return corpus, None
    first = Corpus(corpus.name, lambda: lines(0, border), corpus.notes)
    end = Corpus(f"the end of {corpus.name}", lambda: lines(border, None), [])
    return first, end


def _wrapped(line: str) -> list[str]:
    """Return a line in pieces, so that the end of a text that is one line can be set aside."""
    if len(line) <= _MAX_LINE:
        return [line]
    return textwrap.wrap(line, _MAX_LINE, break_on_hyphens=False)


def _end_of(corpus: Corpus, characters: float) -> Corpus:
    """Return the last lines of a text, with about so many characters."""
    lengths = np.cumsum([len(line) for line in corpus])
    first = int(np.searchsorted(lengths, lengths[-1] - characters, side="right"))
    return Corpus(corpus.name, lambda: itertools.islice(iter(corpus), first, None), corpus.notes)


def finished(
    run: Run,
    model: Model,
    continued: ContinuedWords,
    valid: Corpus | None,
    old_valid: Corpus | None,
    seconds: float,
) -> Model:
    """Return the model with `continued` of its metrics, and report it: both models on the end of
    both texts, on as much of each as takes so many seconds.

    A model that is worse than the old one on the end of the new text is not kept: the result is
    then the old model. A warning follows where the old text is forgotten.
    """
    report: dict[str, Any] = {
        "sha256": list(continued.model.lineage),
        "new_words": model.tokenizer.size - continued.model.tokenizer.size,
        "has_old": continued.old is not None,
    }
    # The new model has no directory yet, since its metrics are a part of that.
    now = WordsRuntime(replace(model, path=continued.model.path))
    before = WordsRuntime(continued.model)
    for name, text in (("new", valid), ("old", old_valid)):
        report[name] = None
        if text is not None:
            end = _end_of(text, MAX_CHARACTERS)
            report[name] = compare_words(now, before, end, seconds)
        report["measured_on"] = _sentence(report[name])
        run.note(f"{name} text: {report['measured_on']}")
    new = report["new"]
    old = report["old"]
    if new and new["unknown"] > _MANY_UNKNOWN:
        run.note(
            f"warning: {percent(new['unknown'])} of the words of the new text are unknown; give a "
            "larger --vocabulary, or train a new model"
        )
    if new and new["bits_per_byte"] > new["bits_per_byte_before"]:
        run.note("the model is no better on the new text: the old model is kept")
        same = replace(continued.model, settings=model.settings, ancestors=continued.model.lineage)
        model = replace(same, path=None, sha256="", files={})
    elif old and old["has_dropped"]:
        run.note(
            "warning: the model is worse on the old text than before by more than chance; give "
            "more of the old text with --old, or a lower learning rate"
        )
    return replace(model, metrics={**model.metrics, "continued": report})


def _sentence(compared: dict[str, Any] | None) -> str:
    if compared is None:
        return "not measured, because none was given, or too little to set a part of it aside"
    now, before = (
        f"{compared[f'bits_per_byte{when}']:.3f} (perplexity {compared[f'perplexity{when}']:,.1f})"
        for when in ("", "_before")
    )
    return f"bits per byte {now}, before {before}"
