"""--cluster and --out: which go together, what the report shows, and that nothing loads Ray without them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from cli_workplace import Run

from foretell.cli import cluster as module
from foretell.cli.cluster import report_text, write_report
from foretell.cluster.files import ClusterReport

REPORT = ClusterReport(
    out="/data/answers",
    rows=1000,
    resumed_rows=400,
    skipped={"not read": 2},
    shards=9,
    failed={},
    seconds=3.0,
    start_seconds=5.0,
    rows_per_second=200.0,
    whole_files={"/data/x.gz": "compressed"},
)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("reviews.csv", "--cluster", "local"), "expected --out DIR with --cluster, found none"),
        (("reviews.csv", "--out", "x"), "expected --cluster with --out"),
        (("reviews.csv", "--workers", "2"), "add --cluster local"),
        (("a text", "--literal", "--cluster", "local", "--out", "x"), "found --literal"),
        (("--cluster", "local", "--out", "x"), "expected files, folders or bucket paths"),
        (("-", "--cluster", "local", "--out", "x"), "found standard input"),
        (
            ("a.csv", "--cluster", "local", "--out", "x", "--header-row", "3"),
            "no --header-row and no --sheet",
        ),
        (("reviews.csv", "--cluster", "ray://here:1", "--out", "x"), "--cluster: expected local, auto"),
    ],
)
def test_what_cannot_mean_anything_is_wrong_usage(run: Run, argv: tuple[str, ...], message: str) -> None:
    answer = run("classify", "reviews-model", *argv)
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1


def test_score_and_evaluate_check_their_options(run: Run) -> None:
    assert run("score", "notes-model", "notes.txt", "--text", "body").code == 2
    answer = run("evaluate", "reviews-model", "reviews.csv", "--cluster", "local", "--out", "x")
    assert answer.code == 2
    assert "foretell classify --cluster writes the rows" in answer.err


def test_evaluate_on_a_cluster_writes_what_it_writes_without_one(run: Run) -> None:
    command = ["evaluate", "reviews-model", "reviews.csv", "--format", "csv"]
    alone, together = run(*command), run(*command, "--cluster", "local", "--workers", "1")
    assert together.code == 0, together.err
    assert _shape(together.out) == _shape(alone.out)


def _shape(text: str) -> str:
    return re.sub(r"[\d.]+(e-\d+)?", "#", text)


def test_the_report_has_every_metric_once() -> None:
    text = " ".join(report_text(REPORT).split())
    parts = ["rows 1,000", "rows/s 200", "3 s, and 5 s to start", "2 not read"]
    parts += ["compressed: it cannot be divided", "output /data/answers", "finished before 400"]
    assert [text.count(part) for part in parts] == [1] * len(parts)


def test_failed_shards_are_a_non_zero_exit(capsys: pytest.CaptureFixture[str]) -> None:
    failed = replace(REPORT, failed={"in.jsonl, bytes 0 to 9": "out of memory"})
    assert write_report(REPORT, "jsonl") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1000
    assert write_report(failed, "text") == 1
    assert "failed: in.jsonl, bytes 0 to 9: out of memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["--help", "classify --help", "train words --help", "train labels --help"]
)
def test_nothing_loads_ray_without_a_cluster(command: str) -> None:
    script = (
        "import sys; from foretell.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(' '.join(n for n in ('ray', 'pyarrow') if n in sys.modules) or code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_classify_without_a_cluster_loads_no_ray(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run("classify", "reviews-model", "reviews.csv").code == 0
    assert module.NO_CLUSTER.cluster is None
