"""From data to model, with trials in this process: the result, the report, continuing, and errors."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tuning.tiny import TINY, TINY_WORDS
from tuning.trial_workers import InProcess

import foretell
from foretell.errors import ArtifactError, DataError, MissingExtraError, RunError, SettingsError, UsageError
from foretell.tuning import search as module
from foretell.tuning import study as study_module
from foretell.tuning.result import Tuned
from foretell.tuning.tune import tune

pytest.importorskip("tensorflow")

Reviews = tuple[list[str], list[str]]
NOTES = [f"The mind adapts and converts to its own purposes the obstacle {i % 7} ." for i in range(300)]


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process instead of workers of their own."""
    monkeypatch.setattr(module, "ProcessWorkers", lambda _, data, *__: InProcess(data))


@pytest.fixture(scope="module")
def tuned(reviews: Reviews, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """A search of two trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ProcessWorkers", lambda _, data, *__: InProcess(data))
        out = tmp_path_factory.mktemp("tuned") / "out"
        return tune(*reviews, minutes=5, out=out, trials=2, units=4, valid_fraction=0.3, **TINY)


def test_the_best_model_is_in_the_folder(tuned: Tuned, reviews: Reviews) -> None:
    model = tuned.load()
    assert isinstance(model, foretell.TextClassifier)
    assert len(model.predict(reviews[0])) == 60
    chosen = tuned.chosen.trial
    assert model.metrics_["macro_f1"] == pytest.approx(chosen.value)
    assert chosen.ms is not None
    names = sorted(path.name for path in tuned.out.iterdir())
    assert names == ["model", "report.html", "study.journal", "trials"]


def test_the_result_is_plain_values_for_json(tuned: Tuned) -> None:
    values = json.loads(json.dumps(tuned.to_dict()))
    assert values["chosen"] == tuned.chosen.trial.number
    assert [each["number"] for each in values["trials"]] == [0, 1]
    assert values["beats_preset"] is tuned.chosen.beats_preset
    assert values["command"].startswith("foretell.TextClassifier('base'")


def test_the_report_is_one_page_without_scripts(tuned: Tuned) -> None:
    page = tuned.report_path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "default-src 'none'" in page
    plots = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        ET.fromstring(plot)
    assert escape(tuned.chosen.reason) in page
    assert page.count("<tr>") == 1 + 2


def test_the_same_call_continues_and_another_is_refused(reviews: Reviews, tuned: Tuned) -> None:
    same: dict[str, Any] = {"units": 4, "valid_fraction": 0.3, **TINY}
    abandoned = tuned.out / "trials" / "0099"
    abandoned.mkdir()
    again = tune(*reviews, minutes=5, out=tuned.out, trials=2, **same)
    assert [each.value for each in again.trials] == [each.value for each in tuned.trials]
    assert not abandoned.exists()
    with pytest.raises(RunError, match=r"the metric that the study here .* \(macro_f1\), found accuracy"):
        tune(*reviews, minutes=5, out=tuned.out, metric="accuracy", **same)
    texts, labels = reviews
    with pytest.raises(RunError, match=r"the data that the study here .*, found other data"):
        tune(texts[:-1], labels[:-1], minutes=5, out=tuned.out, **same)
    with pytest.raises(RunError, match=r"the settings that .* \(units=4\), found units=8"):
        tune(*reviews, minutes=5, out=tuned.out, **{**same, "units": 8})


def test_limits_that_no_model_is_within(reviews: Reviews, tuned: Tuned) -> None:
    same: dict[str, Any] = {"units": 4, "valid_fraction": 0.3, **TINY, "trials": 2, "minutes": 5}
    with pytest.raises(RunError, match=r"a model of at most 0.001 MB among \d trials, found none"):
        tune(*reviews, out=tuned.out, max_model_mb=0.001, **same)
    with pytest.raises(RunError, match=r"predicts in 1e-06 ms among the best \d, found none; the fastest"):
        tune(*reviews, out=tuned.out, max_ms=0.000_001, **same)


@pytest.mark.soak
def test_a_language_model_is_tuned_by_perplexity(tmp_path: Path) -> None:
    words = {**TINY_WORDS, "valid_fraction": 0.3}
    found = tune(NOTES, minutes=5, out=tmp_path / "out", metric="perplexity", trials=1, **words)
    assert isinstance(found.load(), foretell.LanguageModel)
    assert found.chosen.reason == f"the preset's perplexity of {found.trials[0].value:.2f} is the best"
    assert all(each.figures["measured_words"] > 1000 for each in found.trials)


def test_the_folder_of_something_else_is_refused(reviews: Reviews, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("notes")
    with pytest.raises(ArtifactError, match="expected a new folder, or that of a study, found"):
        tune(*reviews, minutes=1, out=tmp_path)


def test_optuna_that_is_missing_is_named_with_the_command(
    reviews: Reviews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"found no optuna; pip install 'foretell\[tune\]'"):
        tune(*reviews, minutes=1, out=tmp_path / "out")
    assert study_module.INSTALL == "pip install 'foretell[tune]'"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"minutes": 0}, SettingsError, "minutes: expected more than 0, found 0"),
        ({"max_ms": -1.0}, SettingsError, "max-ms: expected more than 0"),
        ({"metric": "f1"}, SettingsError, "metric: expected one of macro_f1"),
        ({"metric": "perplexity"}, UsageError, "expected plain text for the metric perplexity"),
        ({"preset": "quack"}, SettingsError, "preset: expected a preset for labels"),
        ({"preset": "article"}, UsageError, "expected validation data, by which trials are compared"),
        ({"unit": 4}, SettingsError, "did you mean units"),
    ],
)
def test_calls_that_cannot_work(
    arguments: dict[str, Any], error: type[Exception], message: str, reviews: Reviews, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        tune(*reviews, **{"minutes": 1, "out": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_data_without_two_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected two labels or more"):
        tune(["one", "two"], ["a", "a"], minutes=1, out=tmp_path / "out")


@pytest.mark.parametrize("name", ["notes.txt", "meditations"])
def test_plain_text_for_a_classifier_is_the_other_job(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("\n".join(NOTES))
    with pytest.raises(UsageError, match=r"found plain text .*; choose perplexity for a language model"):
        tune(name, minutes=1, out="out")


def test_a_table_for_a_language_model_is_the_other_job(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("text,label\ngood,a\nbad,b\n")
    with pytest.raises(UsageError, match=r"found a table \(reviews.csv\); choose macro_f1"):
        tune(tmp_path / "reviews.csv", minutes=1, out=tmp_path / "out", metric="perplexity")


@pytest.mark.soak
def test_the_command_trains_the_chosen_model_again(
    tuned: Tuned, reviews: Reviews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretell.cli import main
    from foretell.tuning.command import command

    monkeypatch.chdir(tmp_path)
    rows = [f"{text},{label}\n" for text, label in zip(*reviews, strict=True)]
    Path("reviews.csv").write_text("text,label\n" + "".join(rows))
    fixed = {**TINY, "units": 4, "valid_fraction": 0.3}
    words = shlex.split(command("labels", ["reviews.csv"], "base", {**fixed, **tuned.settings}, "again"))
    assert words[:4] == ["foretell", "train", "labels", "reviews.csv"]
    assert main(words[1:]) == 0
    metrics = json.loads(Path("again/metrics.json").read_text())
    assert metrics["macro_f1"] == pytest.approx(tuned.chosen.trial.value)


def events_of(run: Callable[..., Any]) -> list[Any]:
    """Return the events that a search sends."""
    events: list[Any] = []
    run(listener=events.append)
    return events


def test_a_listener_gets_every_trial(reviews: Reviews, tuned: Tuned) -> None:
    same: dict[str, Any] = {"units": 4, "valid_fraction": 0.3, **TINY, "trials": 1, "minutes": 5}
    texts, labels = reviews
    events = events_of(lambda **how: tune(texts, labels, out=tuned.out, **same, **how))
    assert any("continuing a study" in getattr(event, "text", "") for event in events)
