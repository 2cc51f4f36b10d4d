"""A language model is continued: with old text and without, new words, what is remembered, and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainers import Notes

pytest.importorskip("tensorflow")

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.errors import Interrupted, RunError, SettingsError, UsageError
from foretell.training.events import Note
from foretell.training.options import TrainOptions
from foretell.training.words.continued import (
    ContinuedWords,
    WordsAncestor,
    continued_corpus,
    continued_words_settings,
    opened,
    read_words_ancestor,
)
from foretell.training.words.train import train_words
from tests.training.words.small import SMALL, phrases

SETTINGS = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.3, "epochs": 1})


def new_text() -> Corpus:
    rng = np.random.default_rng(8)
    return Corpus.from_texts(
        [" ".join(f"v{int(k)}" for k in rng.zipf(1.5, 12) % 50) + " an entirely new line" for _ in range(400)]
    )


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> WordsAncestor:
    out = tmp_path_factory.mktemp("models") / "old"
    train_words(phrases(), SETTINGS, TrainOptions(out=out))
    return read_words_ancestor(out)


def trained(what: ContinuedWords, out: Path, notes: list[str] | None = None, **options: Any) -> Model:
    settings = continued_words_settings(what.ancestor.model, None, {})
    listener = lambda event: notes is not None and isinstance(event, Note) and notes.append(event.text)  # noqa: E731
    how = TrainOptions(out=out, listener=listener, **options)
    return train_words(new_text(), settings, how, continued=what)


def test_old_text_is_mixed_in_and_measured(old: WordsAncestor, tmp_path: Path) -> None:
    what, notes = ContinuedWords(ancestor=old, old=phrases()), list[str]()
    model = trained(what, tmp_path / "new", notes)
    before, after = old.model.tokenizer, model.tokenizer
    assert [after.word(i) for i in range(before.size)] == [before.word(i) for i in range(before.size)]
    assert after.id("entirely") is not None
    assert model.ancestors == old.lineage
    remembered = model.metrics["continued"]
    assert remembered["old"]["bits_per_byte"] < 1.2 * remembered["old"]["bits_per_byte_before"]
    assert any(note.startswith("old text: ") for note in notes)
    assert old.model.sha256 in (tmp_path / "new" / "README.md").read_text()
    assert read_model(tmp_path / "new").ancestors == old.lineage
    assert model.settings.learning_rate == pytest.approx(SETTINGS.learning_rate / 4)


def test_without_old_text_the_kneser_ney_models_are_merged(old: WordsAncestor, tmp_path: Path) -> None:
    notes = Notes()
    what = ContinuedWords(ancestor=old)
    whole = trained(what, tmp_path / "whole", notes)
    assert "old text: not measured, because no old text was given" in notes
    assert whole.kneser_ney is not None
    assert old.model.kneser_ney is not None
    assert whole.kneser_ney.words > old.model.kneser_ney.words
    with pytest.raises(Interrupted):
        trained(what, tmp_path / "cut", stop_after_steps=3)
    with pytest.raises(RunError, match="the data"):
        trained(ContinuedWords(ancestor=old, old_valid=phrases()), tmp_path / "cut", resume=True)
    resumed = trained(what, tmp_path / "cut", resume=True)
    for name, weight in (whole.weights or {}).items():
        np.testing.assert_array_equal(weight, (resumed.weights or {})[name])


def test_the_end_of_each_text_is_set_aside(old: WordsAncestor) -> None:
    what = ContinuedWords(ancestor=old, old=phrases())
    texts = continued_corpus(new_text(), what, None, SETTINGS)
    assert texts.valid is not None
    assert texts.old_valid is not None
    lines, before, after = list(texts.train), list(phrases()), list(new_text())
    assert lines == before[:350] + after[:280]
    assert (list(texts.old_valid), list(texts.valid)) == (before[350:], after[280:])
    short = Corpus.from_texts(["a b c"] * 9)
    assert continued_corpus(short, what, None, SETTINGS).settings.valid_fraction == 0.0


def test_settings_and_models_that_do_not_fit(old: WordsAncestor) -> None:
    for changes in ({"units": 3}, {"tokens": "char"}, {"layers": 2}):
        with pytest.raises(SettingsError, match="as in the model to continue"):
            continued_words_settings(old.model, None, changes)
    with pytest.raises(SettingsError, match="a model to continue"):
        opened(None, phrases(), None)
    with pytest.raises(SettingsError, match="preset base"):
        continued_words_settings(old.model, "base", {})
    assert continued_words_settings(old.model, None, {"learning_rate": 0.05}).learning_rate == 0.05


def test_a_warning_where_old_text_is_forgotten(old: WordsAncestor, tmp_path: Path) -> None:
    notes = Notes()
    what = ContinuedWords(ancestor=old, old_valid=phrases())
    model = trained(what, tmp_path / "new", notes)
    remembered = model.metrics["continued"]["old"]
    assert remembered["has_dropped"] == any(note.startswith("warning: ") for note in notes)
    assert remembered["has_dropped"] == (remembered["interval"][0] > 0)


def test_the_articles_model_cannot_be_continued(tmp_path: Path) -> None:
    article = with_changes(SMALL, {"network": "article", "iterations": 3, "window": 3, "valid_fraction": 0.0})
    train_words(Corpus.from_texts(["a b c d e f g h i j"]), article, TrainOptions(out=tmp_path / "m"))
    with pytest.raises(UsageError, match="raw integers"):
        read_words_ancestor(tmp_path / "m")
