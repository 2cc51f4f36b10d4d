"""`evaluate` and `score` on a cluster give what one process gives, for every format, on one real cluster."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster.made_files import text_of

from foretell.cluster import evaluate_files, read_rows, score_files
from foretell.cluster import files as module
from foretell.cluster.session import connected
from foretell.data.examples import iter_records, read_examples
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import evaluation_report
from foretell.runtime.words.predictor import WordsRuntime


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[None]:
    """Let all runs of this file share a cluster, which takes seconds to start."""
    with connected("local") as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "connected", lambda _: nullcontext(cluster))
        yield


def written(folder: Path, kind: str, generator: random.Random) -> Path:
    """Write random rows, some without a label or a text, in a format."""
    labels = ["bad", "good", "good", "bad", ""]
    rows = [
        {"id": i, "text": text_of(generator.randrange(999)) if generator.random() < 0.95 else "",
         "label": generator.choice(labels)}
        for i in range(generator.randrange(80, 200))
    ]  # fmt: skip
    path = folder / f"in.{kind}"
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if kind in ("csv", "tsv"):
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), delimiter="\t" if kind == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(out.getvalue(), newline="")
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=30)
    elif kind == "ft":
        path.write_text("".join(f"__label__{row['label']} {row['text']}\n" for row in rows if row["label"]))
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "txt":
        path.write_text("".join(f"{row['text']}\n" for row in rows))
    else:
        path.write_bytes(gzip.compress(lines) if kind.endswith("gz") else lines)
    return path


@pytest.mark.usefixtures("one_cluster")
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet", "ft", "json", "jsonl.gz"])
def test_evaluate_gives_every_key_of_one_process(tmp_path: Path, labels_model: Path, kind: str) -> None:
    path = written(tmp_path, kind, random.Random(kind))
    runtime, examples = LabelsRuntime.open(labels_model), read_examples(path)
    expected = evaluation_report(examples.labels, runtime.predict_proba(examples.texts), runtime.labels)
    metrics = evaluate_files(labels_model, path, shard_mb=0.002).metrics
    assert metrics is not None
    assert list(metrics) == list(expected)
    for name, value in expected.items():
        assert_alike(metrics[name], value)


def assert_alike(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_alike(found[name], value)
    elif isinstance(expected, list | tuple) and expected and not isinstance(expected[0], str):
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)
    else:
        assert found == expected


@pytest.mark.usefixtures("one_cluster")
@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_words_are_evaluated_and_scored_as_by_one_process(
    tmp_path: Path, words_model: Path, kind: str
) -> None:
    path = written(tmp_path, kind, random.Random(kind))
    texts = [record.text for record in iter_records(path)]
    whole = WordsRuntime.open(words_model).score(texts)
    metrics = evaluate_files(words_model, path, shard_mb=0.002).metrics
    assert metrics is not None
    assert list(metrics) == list(vars(whole))
    for name in ("tokens", "words", "characters", "bytes", "unknown"):
        assert metrics[name] == getattr(whole, name)
    # The first words of a shard have no context.
    for name in ("perplexity", "bits_per_character", "bits_per_byte"):
        assert metrics[name] == pytest.approx(getattr(whole, name), rel=0.05)
    report = score_files(words_model, path, out=tmp_path / "scores", shard_mb=0.002)
    assert [row["text"] for row in read_rows(tmp_path / "scores")] == texts
    assert report.rows == len(texts)
