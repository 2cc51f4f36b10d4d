"""A real Ray cluster that foretell starts and stops: one run, with a worker that is killed."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from cluster.made_files import text_of, write_jsonl

from foretell.cluster import classify_files, evaluate_files, read_rows, score_files
from foretell.cluster import files as module
from foretell.cluster.probe import AUTHENTICATION
from foretell.cluster.scheduler import ShardDone
from foretell.errors import MissingExtraError, RunError, SettingsError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime

ROWS = 300


def test_a_run_on_this_machine_survives_the_death_of_a_worker(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", ROWS)
    seen: dict[str, Any] = {}
    names = (*AUTHENTICATION, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
    before = [os.environ.get(name) for name in names]

    def listener(event: ShardDone) -> None:
        if "worker" not in seen:
            import ray

            token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
            seen.update(
                worker=event.line.worker,
                mode=stat.S_IMODE(token.stat().st_mode),
                folder=token.parent,
                hosts={node["NodeManagerAddress"] for node in ray.nodes()},
            )
            os.kill(int(event.line.worker.rpartition(":")[2]), signal.SIGKILL)

    report = classify_files(
        labels_model, path, out=tmp_path / "out", out_format="jsonl", workers=2, shard_mb=0.001,
        listener=listener,
    )  # fmt: skip
    rows = list(read_rows(tmp_path / "out"))
    verdicts = list(LabelsRuntime.open(labels_model).classify([text_of(i) for i in range(ROWS)]))
    assert [row["id"] for row in rows] == list(range(ROWS))
    assert [row["foretell_label"] for row in rows] == [verdict.label for verdict in verdicts]
    assert (report.rows, report.failed, report.shards > 10) == (ROWS, {}, True)
    assert report.rows_per_second > 0
    assert report.slowest is not None
    # Loopback, a token that only its owner reads, and nothing left behind.
    assert seen["mode"] == 0o600
    assert seen["hosts"] == {"127.0.0.1"}
    assert not seen["folder"].exists()
    assert [os.environ.get(name) for name in names] == before
    # The same call has nothing left to do, and starts no cluster.
    again = classify_files(labels_model, path, out=tmp_path / "out", out_format="jsonl", shard_mb=0.001)
    assert (again.rows, again.resumed_rows, again.worker_rates) == (ROWS, ROWS, {})


def test_what_cannot_be_run_is_refused_before_a_cluster_starts(
    tmp_path: Path, labels_model: Path, words_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: str) -> None:
        raise AssertionError("a cluster was started")

    monkeypatch.setattr(module, "connected", never)
    path, out = write_jsonl(tmp_path / "in.jsonl", 3), tmp_path / "out"
    with pytest.raises(UsageError, match="expected a model for labels, found one for words"):
        classify_files(words_model, path, out=out)
    with pytest.raises(UsageError, match="expected a model for words, found one for labels"):
        score_files(labels_model, path, out=out)
    with pytest.raises(UsageError, match="no --out and no --label with a model for words"):
        evaluate_files(words_model, path, out=out)
    with pytest.raises(SettingsError, match="workers: expected more than 0, found 0"):
        classify_files(labels_model, path, out=out, workers=0)
    with pytest.raises(SettingsError, match="abstain-below: expected a probability"):
        classify_files(labels_model, path, out=out, abstain_below=2)
    with pytest.raises(RunError, match="found other files in it"):
        classify_files(labels_model, path, out=tmp_path)
    assert not out.exists()


def test_without_ray_the_install_command_is_named(
    tmp_path: Path, labels_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.machine.find_spec", lambda name: None if name == "ray" else name)
    with pytest.raises(MissingExtraError, match=r"found no ray; pip install 'foretell\[cluster\]'"):
        classify_files(labels_model, tmp_path / "in.jsonl", out=tmp_path / "out")
