"""A worker in this process: one output row for each input row, the same answers as without a
cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cluster import made_files
from cluster.made_files import text_of, write_jsonl

from foretell.artifacts.directory import pack
from foretell.cluster import worker as module
from foretell.cluster.output import Done, Failed, Task
from foretell.cluster.rows import ANSWER, SCORE, free_names
from foretell.cluster.shards import plan
from foretell.cluster.storage import input_files
from foretell.cluster.worker import EMPTY, NO_LABEL, UNREADABLE, process
from foretell.data.decode import sha256_of
from foretell.data.records import ReadOptions
from foretell.errors import DataError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

HERE = version("foretell")
Work = list[Callable[[], Done | Failed]]


@pytest.fixture(autouse=True)
def same_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in module._THREADS:
        monkeypatch.setenv(name, "1")


def work(
    path: Path,
    model: Path,
    out: Path | None,
    size: int = 1 << 20,
    of_driver: str = HERE,
    **how: Any,
) -> Work:
    """Return what does each shard of a file or a folder."""
    if out is not None:
        out.mkdir()
        how["out"] = str(out)
    task = Task(**{"command": "classify", "model": str(model), **how})
    shards, columns = plan(input_files([path]), ReadOptions(), None, size)
    parts = SCORE if task.command == "score" else ANSWER
    task = replace(task, columns=columns, names=free_names(columns, parts))
    files = [pack(model)]
    return [lambda shard=shard: process(task, files, shard, of_driver) for shard in shards]  # type: ignore[misc]


def rows_of(out: Path, line: Done | Failed) -> list[dict[str, Any]]:
    assert isinstance(line, Done), line
    part = out / line.part
    assert (line.size, line.sha256) == (part.stat().st_size, sha256_of(part))
    return made_files.rows_of(part)


@pytest.mark.parametrize("out_format", ["csv", "jsonl"])
def test_each_row_is_answered_as_by_the_model_itself(
    tmp_path: Path, labels_model: Path, out_format: str
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 100)
    runtime = LabelsRuntime(labels_model)
    texts = [text_of(i) for i in range(100)]
    least = float(np.quantile(runtime.predict_proba(texts).max(axis=1), 0.3))
    how: dict[str, Any] = {"out_format": out_format, "abstain_below": least}
    shards = work(path, labels_model, tmp_path / "out", 2000, **how)
    rows = [row for do in shards for row in rows_of(tmp_path / "out", do())]
    verdicts = list(runtime.classify(texts, abstain_below=least))
    assert {"good", ""} <= {verdict.label for verdict in verdicts}
    assert [int(row["id"]) for row in rows] == list(range(100))
    assert [row["foretell_label"] for row in rows] == [verdict.label for verdict in verdicts]
    assert [float(row["probability"]) for row in rows] == [
        round(float(v.probability), 6) for v in verdicts
    ]
    # Nothing else is in the folder: no temporary file.
    assert len(list((tmp_path / "out").iterdir())) == len(shards)


@pytest.mark.parametrize("out_format", ["csv", "jsonl"])
def test_a_row_without_an_answer_is_still_a_row(
    tmp_path: Path, labels_model: Path, out_format: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text":"the mind"}\nnonsense\n{"text":""}\n{"text":"=1+1","new":2}\nnonsense\n'
    )
    (do,) = work(path, labels_model, tmp_path / "out", out_format=out_format)
    line = do()
    rows = rows_of(tmp_path / "out", line)
    assert isinstance(line, Done)
    is_csv = out_format == "csv"
    # A spreadsheet must not run a text as a formula.
    assert [row.get("text") or "" for row in rows] == [
        "the mind",
        "",
        "",
        "'=1+1" if is_csv else "=1+1",
        "",
    ]
    assert [bool(row["label"]) for row in rows] == [True, False, True, True, False]
    assert "expected one JSON value on the line" in rows[1]["reason"]
    assert (line.rows, line.skipped) == (5, {UNREADABLE: 2, EMPTY: 1})
    # CSV has the columns of the first records.
    assert ("new" in rows[3]) == (not is_csv)


def test_only_texts_that_are_read_and_have_a_label_are_measured(
    tmp_path: Path, labels_model: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text":"the mind","label":"bad"}\n{"text":" ","label":"bad"}\n{"text":"to"}\nnonsense\n'
    )
    (do,) = work(path, labels_model, None, command="evaluate")
    line = do()
    assert isinstance(line, Done)
    assert isinstance(line.evaluated, tuple)
    labels, probabilities = line.evaluated
    assert labels == ["bad"]
    expected = LabelsRuntime(labels_model).predict_proba(["the mind"])
    assert probabilities == pytest.approx(expected)
    assert (line.rows, line.skipped) == (4, {EMPTY: 1, NO_LABEL: 1, UNREADABLE: 1})


def test_shards_that_end_in_another_order_have_the_same_metrics() -> None:
    rng = np.random.default_rng(0)
    parts = [(list("ab" * n), rng.dirichlet([1, 1], 2 * n)) for n in (3, 30)]
    done = [(place, SimpleNamespace(evaluated=part)) for place, part in enumerate(parts)]
    model: Any = SimpleNamespace(job="labels", labels=["a", "b"])
    orders: list[Any] = [SimpleNamespace(done=dict(each)) for each in (done, done[::-1])]
    assert module.together(orders[0], model) == module.together(orders[1], model)


@pytest.mark.parametrize("cache", [0, 20])
def test_score_gives_each_row_the_score_of_its_text(
    tmp_path: Path, words_model: Path, cache: int
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 12)
    path.write_text(path.read_text() + '{"id":12,"text":" ","label":""}\n')
    (do,) = work(path, words_model, tmp_path / "out", command="score", cache=cache)
    rows = rows_of(tmp_path / "out", do())
    runtime = WordsRuntime(words_model)
    for row in rows[:12]:
        expected = runtime.score([row["text"]], cache=cache)
        assert row["perplexity"] == pytest.approx(expected.perplexity, rel=1e-6)
    assert rows[12]["perplexity"] is None
    assert rows[12]["reason"].startswith("expected a text")


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (MemoryError(), False),
        (OSError(28, "No space left on device"), False),
        (DataError(expected="a", found="b"), True),
        (RuntimeError("a fault of the program"), False),
    ],
)
def test_a_worker_returns_its_failure(
    tmp_path: Path,
    labels_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_final: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    (do,) = work(write_jsonl(tmp_path / "a.jsonl", 5), labels_model, tmp_path / "out")
    monkeypatch.setattr(module, "open_shard", refuse)
    failed = do()
    assert isinstance(failed, Failed)
    assert failed.is_final == is_final
    assert "\n" not in failed.reason


def test_another_version_on_a_node_is_refused(tmp_path: Path, labels_model: Path) -> None:
    (do,) = work(
        write_jsonl(tmp_path / "a.jsonl", 5), labels_model, tmp_path / "out", of_driver="9.9"
    )
    failed = do()
    assert isinstance(failed, Failed)
    assert failed.is_final
    assert f"expected foretell 9.9, found {HERE}" in failed.reason


def test_no_column_is_replaced_by_a_part_of_the_answer(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 150)
    with path.open("a") as file:
        file.write('{"text":"a later row","probability":"high"}\n')
    (do,) = work(path, labels_model, tmp_path / "out")
    failed = do()
    assert isinstance(failed, Failed)
    assert "'probability', a part of the answer, in a later one" in failed.reason
