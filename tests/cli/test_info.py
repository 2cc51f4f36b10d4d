"""info: a model, the presets and the settings, for people and for programs."""

from __future__ import annotations

import dataclasses

from cli_workplace import Run, report_of, rows_of

from foretell.config import LabelsSettings, WordsSettings
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS


def test_a_model_for_people_and_programs(run: Run) -> None:
    out = run("info", "reviews-model").out
    for part in ("labels      negative, positive\n", "metrics\n", "settings\n"):
        assert part in out
    record = report_of(run("info", "reviews-model", "--json"))
    assert (record["job"], record["preset"], record["labels"]) == (
        "labels",
        "base",
        ["negative", "positive"],
    )
    assert record["settings"]["units"] == 8
    assert record["metrics"]["accuracy"] >= 0
    assert record["bytes"] > 1000
    (row,) = rows_of(run("info", "reviews-model", "--format", "csv"))
    assert (row["job"], row["labels"]) == ("labels", "negative; positive")


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
