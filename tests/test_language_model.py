"""LanguageModel: train, ask, save, load; one text, a list and an iterator give the same answers."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell import LanguageModel
from foretell.errors import (
    ArtifactError,
    DataError,
    Interrupted,
    RunError,
    SeenTextsWarning,
    SettingsError,
    UsageError,
)
from foretell.training.events import Checkpointed, Event

LINES = [
    "The mind adapts and converts the obstacle .",
    "What stands in the way becomes the way .",
] * 15
TINY = {"units": 8, "embedding_size": 8, "epochs": 1, "min_steps": 4, "streams": 2, "window": 5}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.train(LINES, **TINY)


def test_one_a_list_and_an_iterator_agree(model: LanguageModel) -> None:
    texts = ["The mind", "What stands in the ob"]
    how = {"words": 4, "seed": 1}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (model.next, {"unfinished": True}),
        (model.complete, how),
        (model.continuations, {"n": 2, **how}),
    ]
    for ask, options in calls:
        one_by_one = [ask(text, **options) for text in texts]
        assert ask(texts, **options) == one_by_one
        lazily = ask(iter(texts), **options)
        assert not isinstance(lazily, list)
        assert list(lazily) == one_by_one


def test_the_same_text_is_completed_streamed_and_continued(model: LanguageModel) -> None:
    whole = model.complete("The mind", words=5, seed=2)
    assert "".join(model.complete("The mind", words=5, seed=2, stream=True)) == whole
    first, second = model.continuations("The mind", 2, words=5, seed=1, alternatives=2)
    assert (second.text, second.finished) == (whole, "length")
    assert "".join(word.text for word in second.words) == whole
    assert all(word.log_probability < 0 and len(word.likeliest) == 2 for word in first.words)
    stop = whole.split()[3]
    assert model.complete("The mind", words=5, seed=2, stop=stop) == whole.partition(stop)[0]


def test_score_takes_text_lines_and_files(model: LanguageModel, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(LINES) + "\n")
    assert model.score(LINES) == model.score(iter(LINES))
    assert model.score(file).perplexity == pytest.approx(model.score(LINES).perplexity)
    assert model.score("The mind").tokens > 0
    for column in (pd.DataFrame({"line": LINES}), pd.Series(LINES), np.array(LINES)):
        assert model.score(column) == model.score(LINES)
        assert list(model.next(column, 2)) == model.next(LINES, 2)
    with pytest.raises(DataError, match=r"text\[1\]: expected a text, found None"):
        model.score([LINES[0], None])  # type: ignore[list-item]
    with pytest.raises(DataError, match="expected one column of texts, found 2 columns"):
        model.complete(pd.DataFrame({"line": LINES, "id": 1}))


def test_saved_loaded_and_pickled_it_answers_the_same(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    loaded = foretell.load(tmp_path / "m")
    assert isinstance(loaded, LanguageModel)
    assert (loaded.settings, loaded.metrics) == (model.settings, model.metrics)
    loaded.save(tmp_path / "m")
    for copy in (
        loaded,
        LanguageModel.load(tmp_path / "m", threads=1),
        pickle.loads(pickle.dumps(model)),
    ):
        assert copy.next("the") == model.next("the")


def test_text_that_it_was_trained_on_is_no_test(model: LanguageModel) -> None:
    for seen in (model, LanguageModel.load(model._home.path)):
        with pytest.warns(SeenTextsWarning, match=r"100\.00 % of the lines were in") as caught:
            seen.evaluate(LINES, cache=5)
        assert [each.filename for each in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate([f"no {line}" for line in LINES])


def test_validation_text_can_be_given(tmp_path: Path) -> None:
    valid = [" ".join(LINES[k].split()[::-1]) for k in range(6)]
    (tmp_path / "valid.txt").write_text("\n".join(valid))
    made = LanguageModel.train(LINES, valid=tmp_path / "valid.txt", **TINY)
    assert made.metrics["measured_words"] == sum(len(line.split()) + 1 for line in valid) - 1
    # Its temporary directory goes with it.
    path = made._home.path
    assert path.is_dir()
    del made
    assert not path.exists()
    with pytest.raises(UsageError, match=r"valid: .* the preset base"):
        LanguageModel.train(LINES, preset="article", valid=valid)


def sources(folder: Path) -> dict[str, object]:
    """The same text in every form that `train` takes."""
    halves = [folder / "a.txt", folder / "b.txt"]
    for path, lines in zip(halves, (LINES[:10], LINES[10:]), strict=True):
        path.write_text("\n".join(lines) + "\n")
    frame = pd.DataFrame({"number": range(len(LINES)), "text": LINES})
    return {
        "list": LINES,
        "iterator": iter(LINES),
        "folder": folder,
        "paths": halves,
        "pandas column": frame["text"],
        "pandas table": frame,
    }


def test_every_kind_of_text_gives_the_same_model(model: LanguageModel, tmp_path: Path) -> None:
    for name, source in sources(tmp_path).items():
        assert model.evaluate(source) == model.evaluate(LINES), name
    with pytest.raises(DataError, match="text='"):
        LanguageModel.train(sources(tmp_path)["pandas table"], text="words", **TINY)


def test_the_options_of_the_command_line_have_an_effect(tmp_path: Path) -> None:
    events: list[Event] = []
    out = tmp_path / "m"
    made = LanguageModel.train(
        LINES,
        out=out,
        tensorboard=tmp_path / "board",
        checkpoint_seconds=1e-3,
        baseline=False,
        listener=events.append,
        **{**TINY, "epochs": 3},
    )
    assert list((tmp_path / "board").glob("events.out.tfevents.*"))
    assert sum(isinstance(event, Checkpointed) for event in events) == made.metrics["steps"]
    assert "baseline_perplexity" not in made.metrics
    assert (out / "run" / "report.html").is_file()
    assert LanguageModel.load(out).next("the") == made.next("the")
    with pytest.raises(SettingsError, match="checkpoint-seconds"):
        LanguageModel.train(LINES, out=out, checkpoint_seconds=0, **TINY)
    with pytest.raises(RunError, match="resume"):
        LanguageModel.train(LINES, out=out, resume=True, **TINY)


def interrupting(event: Event) -> None:
    if isinstance(event, Checkpointed):
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_training_is_resumed(tmp_path: Path, model: LanguageModel) -> None:
    out = tmp_path / "m"
    how = {"checkpoint_seconds": 1e-3, **TINY}
    with pytest.raises(Interrupted, match=f"resume=True and out='{out}'"):
        LanguageModel.train(LINES, out=out, listener=interrupting, **how)
    with pytest.raises(
        RunError, match=r"continue it with --resume .*, or delete it with --restart"
    ):
        LanguageModel.train(LINES, out=out, **how)
    resumed = LanguageModel.train(LINES, out=out, resume=True, **how)
    assert resumed.next("the") == model.next("the")
    with pytest.raises(KeyboardInterrupt, match="out="):
        LanguageModel.train(LINES, listener=interrupting, **how)


def test_it_is_exported(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = model.export("onnx", tmp_path / "copy")
    assert (tmp_path / "copy" / "model.onnx").exists()
    assert exported.difference is not None
    monkeypatch.chdir(tmp_path)
    assert model.export(int8=True, data=LINES, max_loss=1.0).path.name == "model-onnx"
    with pytest.raises(UsageError, match="one of onnx"):
        model.export("pickle")  # type: ignore[arg-type]


def test_errors(model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean units"):
        LanguageModel.train(LINES, unit=3)
    with pytest.raises(SettingsError, match="preset"):
        LanguageModel.train(LINES, preset="huge")
    with pytest.raises(DataError):
        LanguageModel.train(tmp_path / "missing.txt")
    with pytest.raises(SettingsError):
        model.next("the", k=0)
    with pytest.raises(ArtifactError):
        LanguageModel.load(tmp_path)
    with pytest.raises(UsageError, match="words"):
        foretell.TextClassifier.load(model._home.path)
