"""A language model is continued: with old text and without, new words, what is remembered, and
resumed.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from trainers import Notes

pytest.importorskip("tensorflow")

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.errors import Interrupted, RunError, SettingsError, UsageError
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.run import Run
from foretell.training.words.continued import (
    ContinuedWords,
    continued_corpus,
    finished,
    opened,
    settings_for,
)
from tests.builders import write_random
from tests.training.words.small import SMALL, phrases, trained

SETTINGS = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.3, "epochs": 1})


def new_text() -> Corpus:
    rng = np.random.default_rng(8)
    return Corpus.from_texts(
        [
            " ".join(f"v{int(k)}" for k in rng.zipf(1.5, 12) % 50) + " an entirely new line"
            for _ in range(400)
        ]
    )


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "old"
    trained(phrases(), SETTINGS, out)
    return out


def continue_with(
    what: ContinuedWords | None, out: Path, changes: dict[str, Any] | None = None, **options: Any
) -> Model:
    settings, _ = settings_for(None, changes or {}, what)
    return trained(new_text(), settings, out, continued=what, **options)


def test_it_continues_with_old_text(old: Path, tmp_path: Path) -> None:
    what = opened(old, phrases())
    notes = Notes()
    assert what is not None
    model = continue_with(what, tmp_path / "new", listener=notes)
    before = what.model.tokenizer
    after = model.tokenizer
    assert [after.word(i) for i in range(before.size)] == [
        before.word(i) for i in range(before.size)
    ]
    assert after.id("entirely") is not None
    assert model.ancestors == read_model(tmp_path / "new").ancestors == (what.model.sha256,)
    assert what.model.sha256 in (tmp_path / "new" / "README.md").read_text()
    assert model.settings.learning_rate == SETTINGS.learning_rate
    remembered = model.metrics["continued"]["old"]
    assert remembered["bits_per_byte"] < 1.2 * remembered["bits_per_byte_before"]
    assert any(note.startswith("old text: ") for note in notes)
    # A warning where old text is forgotten.
    assert remembered["has_dropped"] == any(note.startswith("warning: ") for note in notes)
    assert remembered["has_dropped"] == (remembered["interval"][0] > 0)
    # It is measured as the finished model measures it.
    _, _, old_valid, _ = continued_corpus(new_text(), what, None, SETTINGS)
    score = WordsRuntime(tmp_path / "new").score(list(old_valid or ()))
    assert score.bits_per_byte == pytest.approx(remembered["bits_per_byte"], rel=0.02)


def test_without_old_text_the_kneser_ney_models_are_merged(old: Path, tmp_path: Path) -> None:
    notes = Notes()
    what = opened(old, None)
    assert what is not None
    whole = continue_with(what, tmp_path / "whole", listener=notes)
    assert any(note.startswith("old text: not measured, because none") for note in notes)
    assert whole.settings.learning_rate == pytest.approx(SETTINGS.learning_rate / 4)
    assert whole.kneser_ney is not None
    assert what.model.kneser_ney is not None
    assert whole.kneser_ney.words > what.model.kneser_ney.words
    with pytest.raises(Interrupted):
        continue_with(what, tmp_path / "cut", stop_after_steps=3)
    rate = {"learning_rate": SETTINGS.learning_rate / 4}
    with pytest.raises(RunError, match="the data"):
        continue_with(opened(old, phrases()), tmp_path / "cut", rate, resume=True)
    resumed = continue_with(what, tmp_path / "cut", resume=True)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])


def test_the_end_of_each_text_is_set_aside(old: Path) -> None:
    before = 4 * list(phrases())
    what = opened(old, Corpus.from_texts(before))
    assert what is not None
    train, valid, old_valid, _ = continued_corpus(new_text(), what, None, SETTINGS)
    after = list(new_text())
    lines = list(train)
    assert lines[-560:] == 2 * after[:280]
    # The end of the old text is learned from again, three times as much as there is new text.
    rehearsed = lines[:-560]
    assert rehearsed == before[1400 - len(rehearsed) : 1400]
    wanted = 3 * sum(map(len, after[:280]))
    assert sum(map(len, rehearsed)) == pytest.approx(wanted, rel=0.05)
    assert (list(old_valid or ()), list(valid or ())) == (before[1400:], after[280:])
    short = Corpus.from_texts(["a b c"] * 9)
    assert continued_corpus(short, what, None, SETTINGS)[3].valid_fraction == 0.0


def test_a_given_setting_or_preset_is_kept_or_refused(old: Path) -> None:
    what = opened(old, None)
    assert settings_for(None, {"learning_rate": 0.05}, what)[0].learning_rate == 0.05
    for changes in ({"units": 3}, {"tokens": "char"}, {"layers": 2}):
        with pytest.raises(SettingsError, match="as in the model to continue"):
            settings_for(None, changes, what)
    with pytest.raises(
        SettingsError, match="found False; leave it, or the preset that has it, out"
    ):
        settings_for("base", {}, what)
    fitting = {name: getattr(SETTINGS, name) for name in ("embedding_size", "units", "lowercase")}
    settings, name = settings_for("base", fitting, what)
    assert (settings.window, settings.learning_rate, name) == (35, 5.0, "base")
    assert settings_for(None, {}, None)[1] == "base"


def test_a_time_limit_is_that_of_the_preset_and_not_of_the_training_before(old: Path) -> None:
    model = read_model(old)
    for name, minutes in (("base", 0.0), ("best", 60.0), ("a preset of a later version", 0.0)):
        settings = dataclasses.replace(model.settings, minutes=3.0)
        before = dataclasses.replace(model, preset=name, settings=settings)
        what = ContinuedWords(model=before)
        assert settings_for(None, {}, what)[0].minutes == minutes
        assert settings_for(None, {"minutes": 2.0}, what)[0].minutes == 2.0


def test_models_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a model to continue"):
        opened(None, phrases())
    article = with_changes(
        SMALL, {"network": "article", "iterations": 3, "window": 3, "valid_fraction": 0.0}
    )
    write_random(tmp_path / "m", article)
    with pytest.raises(UsageError, match="raw integers"):
        opened(tmp_path / "m", None)


def test_one_endless_line_of_another_script_is_learned_from_with_a_warning(
    old: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    words = [f"слово{int(k)}" for k in rng.integers(0, 400, 12_000)]
    notes = Notes()
    what = opened(old, phrases())
    assert what is not None
    # Of 400 equally frequent words there is room for 60 %.
    changes = {"vocabulary": what.model.tokenizer.size + 240}
    settings, _ = settings_for(None, changes, what)
    line = Corpus.from_texts([" ".join(words)])
    model = trained(line, settings, tmp_path / "m", continued=what, listener=notes)
    (warning,) = (note for note in notes if "are unknown" in note)
    assert warning.startswith("warning: ")
    compared = model.metrics["continued"]["new"]
    assert 0.2 < compared["unknown"] < 0.6
    assert compared["bits_per_byte"] < compared["bits_per_byte_before"]


def test_a_model_that_is_worse_on_the_new_text_is_not_kept(old: Path) -> None:
    what = opened(old, None)
    assert what is not None
    notes = list[str]()
    worse = {name: 0.9 * weight for name, weight in what.model.weights.items()}
    model = dataclasses.replace(what.model, weights=worse)
    run = cast(Run, SimpleNamespace(note=notes.append))
    kept = finished(run, model, what, phrases(), None, math.inf)
    assert kept.weights is what.model.weights
    assert kept.kneser_ney is what.model.kneser_ney
    assert kept.ancestors == what.model.lineage
    compared = kept.metrics["continued"]["new"]
    before = compared["bits_per_byte_before"]
    assert before < compared["bits_per_byte"] < 1.5 * before
    assert "the model is no better on the new text: the old model is kept" in notes
