"""--cluster and --out: what the report shows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from foretell.cli.cluster import write_report
from foretell.cluster.files import ClusterReport

REPORT = ClusterReport(
    out="/data/answers",
    rows=1000,
    resumed_rows=400,
    skipped={"not read": 2},
    shards=9,
    failed={},
    seconds=3.0,
    rows_per_second=200.0,
)


def test_the_report_has_every_metric_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_report(REPORT, "text") == 0
    text = " ".join(capsys.readouterr().out.split())
    parts = ["rows 1,000", "rows/s 200", "time 3 s", "2 not read"]
    parts += ["output /data/answers", "finished before 400"]
    assert [text.count(part) for part in parts] == [1] * len(parts)
    assert write_report(REPORT, "jsonl") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1000


def test_failed_shards_are_a_non_zero_exit(capsys: pytest.CaptureFixture[str]) -> None:
    failed = replace(REPORT, failed={"in.jsonl, bytes 0 to 9": "out of memory"})
    assert write_report(failed, "text") == 1
    assert "failed: in.jsonl, bytes 0 to 9: out of memory" in capsys.readouterr().err
