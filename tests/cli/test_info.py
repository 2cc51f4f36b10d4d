"""info: a model, the presets and the settings, for people and for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

from builders import write_random
from cli_workplace import Run

from foretell.artifacts.directory import read_model
from foretell.cli.info import model_record, model_text
from foretell.config import LabelsSettings, WordsSettings, with_changes
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS


def test_info_shows_a_model(run: Run) -> None:
    out = run("info", "reviews-model").out
    assert "labels      negative, positive\n" in out
    assert "metrics\n" in out
    assert "  units                    8\n" in out


def test_a_model_for_programs(run: Run) -> None:
    answer = run("info", "reviews-model", "--json")
    assert answer.code == 0
    (line,) = answer.out.splitlines()
    record = json.loads(line)
    assert (record["job"], record["preset"]) == ("labels", "base")
    assert record["labels"] == ["negative", "positive"]
    assert record["settings"]["units"] == 8
    assert record["metrics"]["accuracy"] >= 0
    assert record["bytes"] > 1000
    (row,) = csv.DictReader(io.StringIO(run("info", "reviews-model", "--format", "csv").out))
    assert (row["job"], row["labels"]) == ("labels", "negative; positive")


def test_the_models_that_a_model_continues_are_named(tmp_path: Path) -> None:
    tiny = with_changes(LABELS_PRESETS["base"], {"units": 2, "embedding_size": 2, "linear": False})
    opened = read_model(write_random(tmp_path / "m", tiny, ["a", "b"], ancestors=("a" * 64, "b" * 64)))
    assert model_record(opened)["ancestors"] == ["a" * 64, "b" * 64]
    assert "continues   aaaaaaaaaaaa, bbbbbbbbbbbb\n" in model_text(opened)


def test_every_setting_of_both_jobs_is_listed_with_range_and_presets(run: Run) -> None:
    records = [json.loads(line) for line in run("info", "--presets", "--format", "jsonl").out.splitlines()]
    for job, kind, presets in (
        ("words", WordsSettings, WORDS_PRESETS),
        ("labels", LabelsSettings, LABELS_PRESETS),
    ):
        of_job = {record["name"]: record for record in records if record["job"] == job}
        assert set(of_job) == {f.name for f in dataclasses.fields(kind)}
        for f in dataclasses.fields(kind):
            record = of_job[f.name]
            assert record["help"] == f.metadata["help"]
            assert (record["low"], record["high"]) == (f.metadata["low"], f.metadata["high"])
            assert record["presets"] == {name: getattr(preset, f.name) for name, preset in presets.items()}
    assert len(records) == len(dataclasses.fields(WordsSettings)) + len(dataclasses.fields(LabelsSettings))
    rows = list(csv.DictReader(io.StringIO(run("info", "--presets", "--format", "csv").out)))
    assert len(rows) == len(records)
    minutes = next(row for row in rows if (row["job"], row["name"]) == ("labels", "minutes"))
    assert (minutes["quick"], minutes["base"], minutes["best"]) == ("1.5", "15.0", "60.0")


def test_presets_are_one_table_for_each_job(run: Run) -> None:
    words, labels = run("info", "--presets").out.split("\n\n")
    assert words.splitlines()[0].split() == ["words", "base", "best", "article"]
    assert labels.splitlines()[0].split() == ["labels", "quick", "base", "best", "article", "cnn-lstm"]
    rows = {line.split()[0]: line.split()[1:] for line in labels.splitlines()[1:]}
    assert rows["units"] == ["32", "64", "128", "100", "100"]
    assert rows["linear"] == ["on", "on", "on", "off", "off"]


def test_one_thing_at_a_time(run: Run) -> None:
    for argv in ((), ("reviews-model", "--presets")):
        answer = run("info", *argv)
        assert (answer.code, answer.out) == (2, "")
