"""The summary of a model, and the report of its training."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.summary import Report, report_for, summary_html
from foretell.text.tokenizer import Tokenizer


@pytest.fixture
def model(tmp_path: Path) -> Model:
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=False, vocabulary=2)
    metrics = {"perplexity": 12.5, "seconds": 65.0, "confusion": {}, "steps": 7}
    return Model(
        job="words", preset="base", settings=WordsSettings(), tokenizer=tokenizer, metrics=metrics,
        path=tmp_path,
    )  # fmt: skip


def test_a_summary_has_facts_and_metrics(model: Model) -> None:
    html = summary_html("LanguageModel", model, [("vocabulary", "7 words")])
    for shown in ("LanguageModel", "7 words", "Perplexity", "12.5", "1 min 05 s", str(model.path)):
        assert shown in html
    assert "confusion" not in html


def test_a_report_is_that_of_the_run(model: Model, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("<!doctype html>the run")
    report = report_for(model)
    assert report.path == tmp_path / "run" / "report.html"
    assert "the run" in report._repr_html_()
    assert "the run" not in repr(report)
    report.save(tmp_path / "copy.html")
    assert (tmp_path / "copy.html").read_text() == report.html


def test_without_a_run_the_report_has_the_metrics(model: Model, tmp_path: Path) -> None:
    report = report_for(model)
    assert report.path is None
    assert "12.5" in report.html
    assert str(report).splitlines() == [
        "Perplexity 12.5 on validation texts, trained in 1 min 05 s.",
        "  Perplexity  12.5",
        "  Steps       7",
        "  Time        1 min 05 s",
    ]
    # Half of a surrogate pair, which UTF-8 cannot encode.
    Report("\ud800", None).save(tmp_path / "copy.html")
    assert (tmp_path / "copy.html").read_text() == "?"
