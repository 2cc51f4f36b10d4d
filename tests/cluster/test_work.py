"""A worker in this process: one output row for each input row, the same answers as without a cluster."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cluster.made_files import text_of, write_jsonl

from foretell.artifacts.packed import pack
from foretell.cluster import work as module
from foretell.cluster.files import _columns
from foretell.cluster.inputs import input_files
from foretell.cluster.shards import Shard, plan
from foretell.cluster.tasks import Done, Failed, ModelFiles, Task
from foretell.cluster.work import EMPTY, UNREADABLE, Worker, model_sha256
from foretell.data.records import ReadOptions
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime


@pytest.fixture(autouse=True)
def same_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
        monkeypatch.setenv(name, "1")


def prepared(
    path: Path, model: Path, out: Path, size: int = 1 << 20, **options: Any
) -> tuple[Worker, list[Shard]]:
    """Return a worker with its model open, and the shards of a file."""
    out.mkdir()
    task = Task(**{"command": "classify", "model": model_sha256(model), "out": str(out), **options})
    shards, layouts = plan(input_files([path]), ReadOptions(), None, size)
    worker = Worker(replace(task, **_columns(task, layouts)))
    assert worker.open(ModelFiles(path=str(model), sha256=task.model)) is not None
    return worker, shards


def rows_of(out: Path, line: Done | Failed) -> list[dict[str, Any]]:
    assert isinstance(line, Done), line
    part = out / line.part
    if line.part.endswith("jsonl"):
        return [json.loads(each) for each in part.read_text().splitlines()]
    rows: list[dict[str, Any]] = pq.read_table(part).to_pylist()
    return rows


@pytest.mark.parametrize("out_format", ["parquet", "jsonl"])
def test_each_row_is_answered_as_by_the_model_itself(
    tmp_path: Path, labels_model: Path, out_format: str
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 100)
    worker, shards = prepared(path, labels_model, tmp_path / "out", 2000, out_format=out_format)
    rows = [row for shard in shards for row in rows_of(tmp_path / "out", worker.process(shard))]
    verdicts = list(LabelsRuntime.open(labels_model).classify([text_of(i) for i in range(100)]))
    assert [row["id"] for row in rows] == list(range(100))
    assert [row["foretell_label"] for row in rows] == [verdict.label for verdict in verdicts]
    assert [row["probability"] for row in rows] == [round(float(v.probability), 6) for v in verdicts]
    assert rows[5]["probabilities"] == {k: round(float(p), 6) for k, p in verdicts[5].probabilities.items()}
    # Nothing else is in the folder: no temporary file.
    assert len(list((tmp_path / "out").iterdir())) == len(shards)


def test_a_row_without_an_answer_is_still_a_row(tmp_path: Path, labels_model: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"the mind"}\nnonsense\n{"text":""}\n{"text":"the way"}\nnonsense\n')
    for out_format in ("parquet", "jsonl"):
        out = tmp_path / out_format
        worker, (shard,) = prepared(path, labels_model, out, out_format=out_format)
        line = worker.process(shard)
        rows = rows_of(out, line)
        assert isinstance(line, Done)
        assert [row.get("text") for row in rows] == ["the mind", None, "", "the way", None]
        assert [bool(row["label"]) for row in rows] == [True, False, True, True, False]
        assert rows[1]["reason"].startswith("no JSON")
        assert (line.rows, line.skipped) == (5, {UNREADABLE: 2, EMPTY: 1})


def test_score_gives_each_row_the_score_of_its_text(tmp_path: Path, words_model: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 12)
    path.write_text(path.read_text() + '{"id":12,"text":" ","label":""}\n')
    worker, (shard,) = prepared(path, words_model, tmp_path / "out", command="score")
    line = worker.process(shard)
    rows = rows_of(tmp_path / "out", line)
    runtime = WordsRuntime.open(words_model)
    for row in rows[:12]:
        assert row["perplexity"] == pytest.approx(runtime.score([row["text"]]).perplexity, rel=1e-6)
    assert rows[12]["perplexity"] is None
    assert rows[12]["reason"].startswith("expected a text")


def test_parquet_keeps_types_and_refuses_another_one(tmp_path: Path, labels_model: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows: list[dict[str, Any]] = [
        {"text": "a", "n": 1, "x": 1, "tags": ["t"], "is": True},
        {"text": "b", "n": None, "x": 2.5, "tags": {}, "is": False, "new": 1},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    worker, (shard,) = prepared(path, labels_model, tmp_path / "out")
    read = rows_of(tmp_path / "out", worker.process(shard))
    assert [row["n"] for row in read] == [1, None]
    assert [row["x"] for row in read] == [1.0, 2.5]
    assert [row["tags"] for row in read] == ['["t"]', "{}"]
    path.write_text(path.read_text() * 60 + json.dumps({"text": "c", "n": "seven"}) + "\n")
    worker, (shard,) = prepared(path, labels_model, tmp_path / "again")
    failed = worker.process(shard)
    assert isinstance(failed, Failed)
    assert failed.is_final
    assert "expected a int64 in the column 'n'" in failed.reason
    assert list((tmp_path / "again").iterdir()) == []


def test_a_full_disk_leaves_nothing_and_may_be_tried_again(
    tmp_path: Path, labels_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 50)
    for out_format in ("parquet", "jsonl"):
        worker, (shard,) = prepared(path, labels_model, tmp_path / out_format, out_format=out_format)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device", "part")

        with monkeypatch.context() as patch:
            patch.setattr(module.storage, "commit", full)
            failed = worker.process(shard)
        assert isinstance(failed, Failed)
        assert not failed.is_final
        assert "No space left on device" in failed.reason
        assert list((tmp_path / out_format).iterdir()) == []
        assert isinstance(worker.process(shard), Done)


def test_a_model_is_opened_by_its_hash_or_from_what_was_sent(tmp_path: Path, labels_model: Path) -> None:
    task = Task(command="classify", model=model_sha256(labels_model))
    elsewhere = ModelFiles(path=str(tmp_path / "nothing"), sha256=task.model)
    assert Worker(task).open(elsewhere) is None
    worker, (shard,) = prepared(write_jsonl(tmp_path / "a.jsonl", 9), labels_model, tmp_path / "out")
    expected = rows_of(tmp_path / "out", worker.process(shard))
    about = worker.open(replace(elsewhere, files=pack(labels_model)))
    assert about is not None
    assert str(os.getpid()) in about["worker"]
    assert rows_of(tmp_path / "out", worker.process(shard)) == expected
    assert Worker(task).open(ModelFiles(path=str(labels_model), sha256="0" * 64)) is None
