"""info: a model, the presets and the settings, for people and for programs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from builders import write_random
from cli_workplace import Run, report_of, rows_of

from foretell.config import LabelsSettings, WordsSettings, with_changes
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS


def test_a_model_for_people_and_programs(run: Run) -> None:
    out = run("info", "reviews-model").out
    for part in ("labels      negative, positive\n", "metrics\n", "  units                    8\n"):
        assert part in out
    record = report_of(run("info", "reviews-model", "--json"))
    assert (record["job"], record["preset"], record["labels"]) == ("labels", "base", ["negative", "positive"])
    assert record["settings"]["units"] == 8
    assert record["metrics"]["accuracy"] >= 0
    assert record["bytes"] > 1000
    (row,) = rows_of(run("info", "reviews-model", "--format", "csv"))
    assert (row["job"], row["labels"]) == ("labels", "negative; positive")


def test_the_models_that_a_model_continues_are_named(run: Run, tmp_path: Path) -> None:
    tiny = with_changes(LABELS_PRESETS["base"], {"units": 2, "embedding_size": 2, "linear": False})
    path = str(write_random(tmp_path / "m", tiny, ["a", "b"], ancestors=("a" * 64, "b" * 64)))
    assert report_of(run("info", path, "--json"))["ancestors"] == ["a" * 64, "b" * 64]
    assert f"ancestors   {'a' * 64}, {'b' * 64}\n" in run("info", path).out


def test_every_setting_of_both_jobs_is_listed_with_range_and_presets(run: Run) -> None:
    records = rows_of(run("info", "--presets", "--format", "jsonl"))
    for job, kind, presets in (
        ("words", WordsSettings, WORDS_PRESETS),
        ("labels", LabelsSettings, LABELS_PRESETS),
    ):
        of_job = {record["name"]: record for record in records if record["job"] == job}
        assert set(of_job) == {f.name for f in dataclasses.fields(kind)}
        for f in dataclasses.fields(kind):
            record = of_job[f.name]
            assert record["help"] == f.metadata["help"]
            assert {name: record[name] for name in presets} == {
                name: getattr(preset, f.name) for name, preset in presets.items()
            }
    rows = rows_of(run("info", "--presets", "--format", "csv"))
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
