"""What a training shows about its data before it begins."""

from __future__ import annotations

from collections.abc import Iterable

from foretell.config import LabelsSettings, WordsSettings
from foretell.data.checks import data_notes
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.readable import pairs
from foretell.surveying.counts import (
    Rows,
    Splitter,
    count_tokens,
    counted,
    dropped_rows,
    label_counts,
    lengths_of,
    number_or_none,
)
from foretell.text.tokenizer import Tokenizer
from foretell.training.budget import Budget, InTime
from foretell.training.events import Listener, Note, silent

_SURVEY_SHARE = 1 / 16
"""The part of the time left that counting a text may take, which only the reader needs."""

_MAX_COMPARED = 20_000
"""Training texts up to which near-duplicates of them are searched among the validation texts."""

_MIN_NEAR = 0.05
"""The share of such validation texts from which on there is a note."""


def show_examples(
    examples: Examples,
    notes: Iterable[str],
    split: Split,
    settings: LabelsSettings,
    listener: Listener,
) -> None:
    """Show what the data of a training are, and notes on them. Counting takes time: only to a
    listener.
    """
    if listener is silent:
        return
    shown = list(notes)
    if split.valid:
        shown += split.valid.notes
    if len(examples):
        rows = example_rows(examples, split, _tokens_of(settings))
        notes_on_examples = [*examples.notes, *data_notes(examples), *split.notes]
        shown = [f"{examples.name}\n{pairs(rows)}", *shown, *notes_on_examples]
        shown += _nearly_seen(split)
    else:
        shown += split.notes
    for note in shown:
        listener(Note(note))


def example_rows(examples: Examples, split: Split, tokens: Splitter) -> Rows:
    """Return the counts of examples and their split; `tokens` returns the tokens of a text."""
    lengths = lengths_of(examples.texts, tokens)
    labels = label_counts(examples)
    duplicates = len(examples) - len(set(examples.keys))
    rows = [("texts", f"{len(examples):,}")]
    if split.valid is not None:
        rows.append(("validation", f"{len(split.valid):,}"))
    rows += [(f"{len(labels)} labels", counted(labels)), *lengths.rows("text", len(examples))]
    return [*rows, ("duplicates", number_or_none(duplicates)), *dropped_rows(examples)]


def _tokens_of(settings: WordsSettings | LabelsSettings) -> Splitter:
    return Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs


def _nearly_seen(split: Split) -> list[str]:
    """Return a note where many validation texts are edited copies of training texts."""
    from foretell.data.near import nearly_in

    if split.valid is None or len(split.train) > _MAX_COMPARED:
        return []
    near = len(nearly_in(split.train.texts, split.valid.texts))
    if near < _MIN_NEAR * len(split.valid):
        return []
    of = f"{near:,} of {len(split.valid):,} validation texts are near-duplicates of training texts"
    return [f"{of}: metrics are better than they will be for new texts"]


def show_text(corpus: Corpus, settings: WordsSettings, started: float, listener: Listener) -> int:
    """Show the counts of a text, and return its tokens; the training itself shows the notes on it.

    With a time limit, only the lines are counted that can be in a sixteenth of the time left.
    """
    budget = Budget(settings.minutes, started)
    lines = InTime(corpus, budget, budget.share(_SURVEY_SHARE))
    lengths = count_tokens(lines, _tokens_of(settings))
    rows = [("lines", f"{lengths.texts:,}"), *lengths.rows("line", lengths.texts)]
    listener(Note(f"{corpus.name}\n{pairs(rows)}"))
    if lines.is_cut:
        cut = f"the time limit is short: only the first {lines.count:,} lines are counted here"
        listener(Note(cut))
    return lengths.total
