"""A training that continues a language model: new text beside old text, and what it remembers."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import SettingsError
from foretell.metrics.bootstrap import interval, resamples
from foretell.training.events import Listener, Note
from foretell.training.words.ancestor import OpenScorer, Scorer, WordsAncestor, read_words_ancestor
from foretell.training.words.data import MIN_VALID

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
    """What a training continues.

    Attributes:
        ancestor: the language model.
        old: old text, learned from again, or None.
        old_valid: old text to measure on only; None: the end of `old`.
    """

    ancestor: WordsAncestor
    old: Corpus | None = None
    old_valid: Corpus | None = None

    def digests(self) -> list[str]:
        """Return what decides the training beside the new text."""
        parts = [part.digest() for part in (self.old, self.old_valid) if part is not None]
        return [f"continues {self.ancestor.model.sha256}", *parts, f"{self.old is None}"]


def opened(
    model: str | Path | None, open_scorer: OpenScorer, old: Corpus | None, old_valid: Corpus | None
) -> ContinuedWords | None:
    """Return what a training continues; None: it continues nothing.

    Args:
        model: the model directory, or None.
        open_scorer: opens a model directory for prediction.
        old, old_valid: its old text, or None.

    Raises:
        SettingsError: old text without a model.
        UsageError, ArtifactError: as `read_words_ancestor`.
    """
    if model is not None:
        ancestor = read_words_ancestor(model, open_scorer)
        return ContinuedWords(ancestor=ancestor, old=old, old_valid=old_valid)
    if old is not None or old_valid is not None:
        raise SettingsError(
            expected="a model to continue, whose old text this is",
            found="none",
            where="old" if old is not None else "old-valid",
        )
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class ContinuedCorpus:
    """The texts of a continued training.

    Attributes:
        train: the old text, without the part that is measured, and then the new text.
        valid: of the new text, or None.
        old_valid: old text that the training does not read, or None.
        settings: with no `valid_fraction` where the new text is too short for validation.
    """

    train: Corpus
    valid: Corpus | None
    old_valid: Corpus | None
    settings: WordsSettings


def continued_corpus(
    new: Corpus, continued: ContinuedWords, valid: Corpus | None, settings: WordsSettings
) -> ContinuedCorpus:
    """Return the texts of a training that continues a language model.

    The end of each text is set aside, a fraction `valid_fraction` of its lines: of the new text for
    validation, of the old text to measure what the model has forgotten.

    Args:
        new: the new text.
        continued: what is continued.
        valid: validation text of the user's own, or None.
        settings: `valid_fraction` is read.
    """
    old, old_valid = continued.old, continued.old_valid
    if old is None:
        return ContinuedCorpus(train=new, valid=valid, old_valid=old_valid, settings=settings)
    if old_valid is None:
        old, old_valid = _cut(old, settings.valid_fraction, MIN_MEASURED)
    if valid is None:
        new, valid = _cut(new, settings.valid_fraction, MIN_VALID * _CHARACTERS_PER_WORD)
    if valid is None:
        settings = replace(settings, valid_fraction=0.0)
    parts = (old, new)

    def lines() -> Iterator[str]:
        return itertools.chain.from_iterable(parts)

    train = Corpus(f"{old.name} and {new.name}", lines, [*old.notes, *new.notes])
    return ContinuedCorpus(train=train, valid=valid, old_valid=old_valid, settings=settings)


def _cut(corpus: Corpus, fraction: float, min_characters: int) -> tuple[Corpus, Corpus | None]:
    """Return a text without its end, and the end; None: it would be too short to measure."""
    lengths = np.array([len(line) for line in corpus])
    border = len(lengths) - int(len(lengths) * fraction)
    if lengths[border:].sum() < min_characters or border == 0:
        return corpus, None
    first = Corpus(corpus.name, lambda: itertools.islice(iter(corpus), border), corpus.notes)
    end = Corpus(f"the end of {corpus.name}", lambda: itertools.islice(iter(corpus), border, None), [])
    return first, end


def with_continued_figures(
    model: Model, continued: ContinuedWords, old_valid: Corpus | None, listener: Listener
) -> dict[str, Any]:
    """Return `continued` of metrics.json, and report it; with a warning where the old text is forgotten.

    Args:
        model: the new language model, in memory.
        continued: what it continues.
        old_valid: old text to measure on, or None.
        listener: is called with notes.
    """
    ancestor = continued.ancestor
    old = None if old_valid is None else _beside(model, ancestor, old_valid)
    sentence = "not measured, because no old text was given"
    if continued.old is not None:
        sentence = f"not measured, because {continued.old.name} is too short to set a part of it aside"
    if old is not None:
        sentence = (
            f"{old['bits_per_byte']:.3f} bits per byte (perplexity {old['perplexity']:,.1f}) on old text, "
            f"before {old['bits_per_byte_before']:.3f} ({old['perplexity_before']:,.1f})"
        )
    listener(Note(text=f"old text: {sentence}"))
    if old is not None and old["has_dropped"]:
        text = "warning: the model is worse on the old text than before by more than chance"
        listener(Note(text=f"{text}; give more of the old text with --old, or a lower learning rate"))
    return {
        "sha256": list(ancestor.lineage),
        "new_words": model.tokenizer.size - ancestor.model.tokenizer.size,
        "has_old": continued.old is not None,
        "old": old,
        "measured_on": sentence,
    }


def _beside(model: Model, ancestor: WordsAncestor, old_valid: Corpus) -> dict[str, Any]:
    """Return the figures of both models on old text.

    Perplexities per token are compared only by those who know that the tokens differ: a word that is new to
    the old model is `<unk>` there. Bits per byte can always be compared.
    """
    lines = list(itertools.islice(iter(old_valid), MAX_LINES))
    with tempfile.TemporaryDirectory() as folder:
        # The figures are part of the model directory, so the model is written once before they are known.
        write_model(model, Path(folder) / "model")
        scorer = ancestor.open(Path(folder) / "model")
        now, bits_now, sizes = _scored(scorer, lines)
    before, bits_before, _ = _scored(ancestor.runtime, lines)
    places = np.concatenate(list(resamples(len(sizes))))
    difference = interval((bits_now - bits_before)[places].sum(axis=1) / sizes[places].sum(axis=1))
    return {
        "bits_per_byte": now.bits_per_byte,
        "perplexity": now.perplexity,
        "bits_per_byte_before": before.bits_per_byte,
        "perplexity_before": before.perplexity,
        "tokens": now.tokens,
        "interval": difference,
        "has_dropped": bool(difference is not None and difference[0] > 0 and len(sizes) > 1),
    }


def _scored(scorer: Scorer, lines: Sequence[str]) -> tuple[Any, Any, Any]:
    """Return the score of all lines, and bits and bytes of each block of lines, float64 [block]."""
    cuts = np.linspace(0, len(lines), min(_BLOCKS, len(lines)) + 1).astype(int)
    blocks = [lines[first:last] for first, last in itertools.pairwise(cuts.tolist())]
    scores = [scorer.score(block) for block in blocks]
    bits = np.array([score.bits_per_byte * score.bytes for score in scores])
    return scorer.score(lines), bits, np.array([score.bytes for score in scores], np.float64)
