"""A training that continues a language model: what it takes over, its texts, and what is
forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from foretell.arrays import Float64s
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import WordsSettings, with_changes
from foretell.data.corpus import Corpus
from foretell.errors import SettingsError, UsageError
from foretell.metrics.bootstrap import interval, resamples
from foretell.presets import DEFAULT_PRESET, preset
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.events import Listener, Note
from foretell.training.options import check_unchanged
from foretell.training.words.data import MIN_VALID

_SHAPE = ("network", "tokens", "lowercase", "embedding_size", "units", "layers")
"""Settings that the weights and the tokens of a model depend on: they stay as they are."""

RATE = 0.25
"""The learning rate of a continued training, in proportion to that of the model
(docs/benchmarks.md).
"""

MAX_LINES = 20_000
"""Lines of old text that are measured, at most."""

MIN_MEASURED = 1_000
"""Characters of old text that are measured, at least."""

_BLOCKS = 50
"""Parts of the old text that are scored one by one, for the interval of the difference."""

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

    @property
    def lineage(self) -> tuple[str, ...]:
        """The SHA-256 of the model's manifest.json, and those of its own ancestors, the last one
        first.
        """
        return (self.model.sha256, *self.model.ancestors)

    def digests(self) -> list[str]:
        """Return what decides the training beside the new text."""
        parts = [] if self.old is None else [self.old.digest()]
        return [f"continues {self.model.sha256}", *parts, f"{self.old is None}"]


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
            expected = "a model to continue, whose old text this is"
            raise SettingsError(expected=expected, found="none", where="old")
        return None
    model = read_model(path)
    settings = model.settings
    if not isinstance(settings, WordsSettings) or settings.follows_article:
        is_words = isinstance(settings, WordsSettings)
        found = "the article's, which reads raw integers" if is_words else "a classifier"
        fix = "train one with foretell train words --preset base"
        raise UsageError(
            expected="a language model to continue", found=found, where=str(path), fix=fix
        )
    return ContinuedWords(model=model, old=old)


def settings_for(
    name: str | None, changes: Mapping[str, object], continued: ContinuedWords | None
) -> tuple[WordsSettings, str]:
    """Return the settings of a training, and the name of their preset.

    A training that continues a model starts from the model's settings, with a quarter of the
    learning rate, unless that is given: at the full rate it would soon forget what the model has
    learned.

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
    rate = {} if model.ancestors and name is None else {"learning_rate": RATE * base.learning_rate}
    settings = with_changes(base, {**rate, **changes})
    check_unchanged(own, settings, _SHAPE)
    return settings, name or model.preset


def continued_corpus(
    new: Corpus, continued: ContinuedWords, valid: Corpus | None, settings: WordsSettings
) -> tuple[Corpus, Corpus | None, Corpus | None, WordsSettings]:
    """Return the texts of a training that continues a language model.

    The end of each text is set aside, a fraction `valid_fraction` of its lines: of the new text for
    validation, of the old text to measure what the model has forgotten.

    Returns:
        the training text, old text first; validation text, or None; old text that the training does
        not read, or None; the settings, with no `valid_fraction` where the new text is too short
        for validation.
    """
    if continued.old is None:
        return new, valid, None, settings
    old, old_valid = _cut(continued.old, settings.valid_fraction, MIN_MEASURED)
    if valid is None:
        new, valid = _cut(new, settings.valid_fraction, MIN_VALID * _CHARACTERS_PER_WORD)
    if valid is None:
        settings = replace(settings, valid_fraction=0.0)
    parts = (old, new)
    notes = [*old.notes, *new.notes]
    train = Corpus(
        f"{old.name} and {new.name}", lambda: itertools.chain.from_iterable(parts), notes
    )
    return train, valid, old_valid, settings


def _cut(corpus: Corpus, fraction: float, min_characters: int) -> tuple[Corpus, Corpus | None]:
    """Return a text without its end, and the end; None: it would be too short to measure."""
    lengths = np.array([len(line) for line in corpus])
    border = len(lengths) - int(len(lengths) * fraction)
    if lengths[border:].sum() < min_characters or border == 0:
        return corpus, None
    first = Corpus(corpus.name, lambda: itertools.islice(iter(corpus), border), corpus.notes)
    end = Corpus(
        f"the end of {corpus.name}", lambda: itertools.islice(iter(corpus), border, None), []
    )
    return first, end


def continued_metrics(
    model: Model, continued: ContinuedWords, old_valid: Corpus | None, listener: Listener
) -> dict[str, object]:
    """Return `continued` of metrics.json, and report it; with a warning where the old text is
    forgotten.
    """
    old = None if old_valid is None else _beside(model, continued.model, old_valid)
    sentence = "not measured, because no old text was given"
    if continued.old is not None:
        sentence = (
            f"not measured, because {continued.old.name} is too short to set a part of it aside"
        )
    if old is not None:
        sentence = (
            f"{old['bits_per_byte']:.3f} bits per byte (perplexity {old['perplexity']:,.1f}) "
            f"on old text, "
            f"before {old['bits_per_byte_before']:.3f} ({old['perplexity_before']:,.1f})"
        )
    listener(Note(text=f"old text: {sentence}"))
    if old is not None and old["has_dropped"]:
        text = "warning: the model is worse on the old text than before by more than chance"
        listener(
            Note(text=f"{text}; give more of the old text with --old, or a lower learning rate")
        )
    return {
        "sha256": list(continued.lineage),
        "new_words": model.tokenizer.size - continued.model.tokenizer.size,
        "has_old": continued.old is not None,
        "old": old,
        "measured_on": sentence,
    }


def _beside(model: Model, before: Model, old_valid: Corpus) -> dict[str, object]:
    """Return the metrics of the new model, and of the one before, on old text.

    A word that is new to the old model is `<unk>` there, so perplexities per token differ in their
    tokens. Bits per byte can always be compared.
    """
    lines = list(itertools.islice(iter(old_valid), MAX_LINES))
    # The new model has no directory yet, since its metrics are a part of that.
    runtimes = [WordsRuntime(each) for each in (replace(model, path=before.path), before)]
    now, then = (runtime.score(lines) for runtime in runtimes)
    (bits_now, sizes), (bits_then, _) = (_bits_and_bytes(runtime, lines) for runtime in runtimes)
    places = np.concatenate(list(resamples(len(sizes))))
    difference = interval((bits_now - bits_then)[places].sum(axis=1) / sizes[places].sum(axis=1))
    return {
        "bits_per_byte": now.bits_per_byte,
        "perplexity": now.perplexity,
        "bits_per_byte_before": then.bits_per_byte,
        "perplexity_before": then.perplexity,
        "tokens": now.tokens,
        "interval": difference,
        "has_dropped": bool(difference is not None and difference[0] > 0 and len(sizes) > 1),
    }


def _bits_and_bytes(runtime: WordsRuntime, lines: Sequence[str]) -> tuple[Float64s, Float64s]:
    """Return bits and bytes of each block of lines, float64 [block]."""
    cuts = np.linspace(0, len(lines), min(_BLOCKS, len(lines)) + 1).astype(int).tolist()
    scores = [runtime.score(lines[first:last]) for first, last in itertools.pairwise(cuts)]
    bits = np.array([score.bits_per_byte * score.bytes for score in scores])
    return bits, np.array([score.bytes for score in scores], np.float64)
