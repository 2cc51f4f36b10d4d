"""What a training shows about its data before it begins."""

from __future__ import annotations

from collections.abc import Iterable

from foretell.config import LabelsSettings, WordsSettings
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.surveying.counts import survey_corpus, survey_examples
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
        tokens = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
        survey = survey_examples(examples, split, tokens=tokens)
        shown = [str(survey), *shown, *survey.notes, *_nearly_seen(split)]
    else:
        shown += split.notes
    for note in shown:
        listener(Note(note))


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
    tokens = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
    survey = survey_corpus(corpus, tokens=tokens, lines=lines)
    listener(Note(str(survey)))
    if lines.is_cut:
        cut = f"the time limit is short: only the first {lines.count:,} lines are counted here"
        listener(Note(cut))
    return survey.tokens
