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
from foretell.training.words.continued import (
    ContinuedWords,
    WordsAncestor,
    continued_corpus,
    continued_words_settings,
    opened,
    read_words_ancestor,
)
from tests.builders import write_random
from tests.training.words.small import SMALL, phrases, trained

SETTINGS = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.3, "epochs": 1})


def new_text() -> Corpus:
    rng = np.random.default_rng(8)
    return Corpus.from_texts(
        [" ".join(f"v{int(k)}" for k in rng.zipf(1.5, 12) % 50) + " an entirely new line" for _ in range(400)]
    )


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> WordsAncestor:
    out = tmp_path_factory.mktemp("models") / "old"
    trained(phrases(), SETTINGS, out)
    return read_words_ancestor(out)


def continue_with(what: ContinuedWords, out: Path, **options: Any) -> Model:
    settings = continued_words_settings(what.ancestor.model, None, {})
    return trained(new_text(), settings, out, continued=what, **options)


def test_old_text_is_mixed_in_and_measured(old: WordsAncestor, tmp_path: Path) -> None:
    what, notes = ContinuedWords(ancestor=old, old=phrases()), Notes()
    model = continue_with(what, tmp_path / "new", listener=notes)
    before, after = old.model.tokenizer, model.tokenizer
    assert [after.word(i) for i in range(before.size)] == [before.word(i) for i in range(before.size)]
    assert after.id("entirely") is not None
    assert model.ancestors == old.lineage
    remembered = model.metrics["continued"]["old"]
    assert remembered["bits_per_byte"] < 1.2 * remembered["bits_per_byte_before"]
    assert any(note.startswith("old text: ") for note in notes)
    # A warning where old text is forgotten.
    assert remembered["has_dropped"] == any(note.startswith("warning: ") for note in notes)
    assert remembered["has_dropped"] == (remembered["interval"][0] > 0)
    assert old.model.sha256 in (tmp_path / "new" / "README.md").read_text()
    assert read_model(tmp_path / "new").ancestors == old.lineage
    assert model.settings.learning_rate == pytest.approx(SETTINGS.learning_rate / 4)


def test_without_old_text_the_kneser_ney_models_are_merged(old: WordsAncestor, tmp_path: Path) -> None:
    notes, what = Notes(), ContinuedWords(ancestor=old)
    whole = continue_with(what, tmp_path / "whole", listener=notes)
    assert "old text: not measured, because no old text was given" in notes
    assert whole.kneser_ney is not None
    assert old.model.kneser_ney is not None
    assert whole.kneser_ney.words > old.model.kneser_ney.words
    with pytest.raises(Interrupted):
        continue_with(what, tmp_path / "cut", stop_after_steps=3)
    with pytest.raises(RunError, match="the data"):
        continue_with(ContinuedWords(ancestor=old, old_valid=phrases()), tmp_path / "cut", resume=True)
    resumed = continue_with(what, tmp_path / "cut", resume=True)
    for name, weight in (whole.weights or {}).items():
        np.testing.assert_array_equal(weight, (resumed.weights or {})[name])


def test_the_end_of_each_text_is_set_aside(old: WordsAncestor) -> None:
    what = ContinuedWords(ancestor=old, old=phrases())
    train, valid, old_valid, _ = continued_corpus(new_text(), what, None, SETTINGS)
    assert valid is not None
    assert old_valid is not None
    before, after = list(phrases()), list(new_text())
    assert list(train) == before[:350] + after[:280]
    assert (list(old_valid), list(valid)) == (before[350:], after[280:])
    short = Corpus.from_texts(["a b c"] * 9)
    assert continued_corpus(short, what, None, SETTINGS)[3].valid_fraction == 0.0


def test_settings_and_models_that_do_not_fit(old: WordsAncestor, tmp_path: Path) -> None:
    for changes in ({"units": 3}, {"tokens": "char"}, {"layers": 2}):
        with pytest.raises(SettingsError, match="as in the model to continue"):
            continued_words_settings(old.model, None, changes)
    with pytest.raises(SettingsError, match="a model to continue"):
        opened(None, phrases(), None)
    with pytest.raises(SettingsError, match="preset base"):
        continued_words_settings(old.model, "base", {})
    assert continued_words_settings(old.model, None, {"learning_rate": 0.05}).learning_rate == 0.05
    article = with_changes(SMALL, {"network": "article", "iterations": 3, "window": 3, "valid_fraction": 0.0})
    write_random(tmp_path / "m", article)
    with pytest.raises(UsageError, match="raw integers"):
        read_words_ancestor(tmp_path / "m")
