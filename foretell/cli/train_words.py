"""The command `train words`: a language model from plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from foretell.cli.models import local_model
from foretell.cli.options import AS_TEXT, DATA, Output
from foretell.cli.setting_flags import WordsOptions, given
from foretell.cli.training import (
    RUN,
    Started,
    Training,
    check_possible,
    finish,
    show_preset,
    show_survey,
    without_notes,
)
from foretell.config import WordsSettings, with_changes
from foretell.presets import DEFAULT_PRESET, preset, words_preset_for
from foretell.progress import view

if TYPE_CHECKING:
    from foretell.data.corpus import Corpus
    from foretell.surveying.counts import Survey
    from foretell.training.words.continued import ContinuedWords

_SURVEY_SHARE = 1 / 16
"""The part of the time left that counting the text may take, which only the reader needs."""


def train_words(
    sources: Annotated[tuple[str, ...], Parameter(name="TEXT", negative=())],
    /,
    *,
    training: Training,
    valid: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    continue_: Annotated[str | None, Parameter(name="--continue", group=DATA, metavar="MODEL")] = None,
    old: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    old_valid: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    baseline: Annotated[bool, Parameter(group=RUN)] = True,
    output: Output = AS_TEXT,
    options: WordsOptions | None = None,
    started: Started,
) -> None:
    """Train a language model.

    Args:
        sources: Files (also .gz), folders (every .txt and .gz in them), - for standard input, or a named
            corpus: meditations, imdb.
        valid: Validate on this text instead of on a part of TEXT. May be given several times.
        continue_: Continue this model directory for words with TEXT, whose new words are added. Its settings
            stay, unless they are given; the learning rate is a quarter. See docs/continue.md.
        old: Old text of the model to continue, learned from again. May be given several times.
        old_valid: Old text to measure on only. Without it: the end of --old. May be given several times.
        baseline: Also measure a Kneser–Ney model, to compare with.
    """
    changes = given(options)
    continued = _continued(continue_, old, old_valid)
    if continued is None:
        name = training.preset or DEFAULT_PRESET
        settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
    else:
        from foretell.training.words.ancestor import continued_words_settings

        model = continued.ancestor.model
        name = training.preset or model.preset
        settings = continued_words_settings(model, training.preset, changes)
    check_possible(training)
    corpus, valid_corpus = _read(settings, sources, valid)
    from foretell.training.words.train import train_words as train

    surveys = [_survey(each, settings, started) for each in (corpus, valid_corpus) if each is not None]
    for survey in surveys:
        show_survey(survey)
    if training.preset is None and changes.get("minutes") and continued is None:
        words = surveys[0].tokens
        name = words_preset_for(settings.minutes, words)
        settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
        show_preset(name, f"{settings.minutes:g} minutes for {words:,} words")
    with view() as shown:
        listener = without_notes(shown, [each for survey in surveys for each in survey.notes])
        how = training.options(
            preset=name, baseline=baseline, listener=listener, started=started, given=changes
        )
        model = train(corpus, settings, how, valid=valid_corpus, continued=continued)
    finish(model, training, output)


def _continued(model: str | None, old: tuple[str, ...], old_valid: tuple[str, ...]) -> ContinuedWords | None:
    """Return what --continue names, or None.

    Raises:
        SettingsError: --old or --old-valid without it.
    """
    from foretell.data.corpus import open_corpus
    from foretell.runtime.words.predictor import WordsRuntime
    from foretell.training.words.continued import opened

    return opened(
        None if model is None else local_model(model),
        WordsRuntime.open,
        open_corpus(old) if old else None,
        open_corpus(old_valid, part="test") if old_valid else None,
    )


def _survey(corpus: Corpus, settings: WordsSettings, started: float) -> Survey:
    """Count a text; with a time limit, the lines that can be counted in a sixteenth of the time left."""
    from foretell.surveying.counts import survey_corpus
    from foretell.text.splitting import splitter
    from foretell.training.budget import Budget, InTime

    budget = Budget(settings.minutes, started)
    lines = InTime(corpus, budget, budget.share(_SURVEY_SHARE))
    tokens = splitter(settings.tokens, lowercase=settings.lowercase)
    survey = survey_corpus(corpus, tokens=tokens, lines=lines)
    if lines.is_cut:
        survey.notes.append(f"the time limit is short: only the first {lines.count:,} lines are counted here")
    return survey


def _read(
    settings: WordsSettings, sources: tuple[str, ...], valid: tuple[str, ...]
) -> tuple[Corpus, Corpus | None]:
    """Return the corpus and the validation text of the user's own, if any."""
    from foretell.data.corpus import open_corpus
    from foretell.training.words.train import check_valid

    check_valid(settings, valid or None)
    return open_corpus(sources), open_corpus(valid, part="test") if valid else None
