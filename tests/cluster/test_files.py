"""Files on Ray: what a run gives, what it survives and refuses; the examples."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import secrets
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from cluster.heads import Head, running_head
from cluster.made_files import rows_in, text_of, write_jsonl

from foretell.cli.entry import main
from foretell.cluster import files as module
from foretell.cluster.files import classify_files, evaluate_files, score_files
from foretell.cluster.output import Done
from foretell.cluster.session import connected, host_and_port
from foretell.errors import MissingExtraError, RunError, SettingsError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

ROWS = 300
OWN = (
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
)


def test_what_cannot_be_run_is_refused_before_a_cluster_starts(
    tmp_path: Path, labels_model: Path, words_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: str) -> None:
        raise AssertionError("a cluster was started")

    monkeypatch.setattr(module, "connected", never)
    path = write_jsonl(tmp_path / "in.jsonl", 3)
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="expected a model for labels, found one for words"):
        classify_files(words_model, path, out=out)
    with pytest.raises(UsageError, match="expected a model for words, found one for labels"):
        score_files(labels_model, path, out=out)
    with pytest.raises(SettingsError, match="workers: expected more than 0, found 0"):
        classify_files(labels_model, path, out=out, workers=0)
    with pytest.raises(SettingsError, match="abstain-below: expected a probability"):
        classify_files(labels_model, path, out=out, abstain_below=2)
    with pytest.raises(RunError, match=r"other files in it \(in\.jsonl"):
        classify_files(labels_model, path, out=tmp_path)
    assert not out.exists()
    monkeypatch.setattr("foretell.machine.find_spec", lambda name: None if name == "ray" else name)
    with pytest.raises(MissingExtraError, match=r"found no ray; .*\[cluster\]'"):
        classify_files(labels_model, path, out=out)


@pytest.mark.parametrize(
    "address", ["", "head", "head:", ":1", "head:99999", "ray://head:1", "head:x"]
)
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(UsageError, match="expected local, auto, or the HOST:PORT of a head"):
        host_and_port(address)
    assert host_and_port("head.example:6379") == ("head.example", 6379)
    assert host_and_port("[::1]:6379") == ("::1", 6379)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with running_head() as head:
        yield head


def test_a_cluster_without_a_token_or_with_another_one_is_refused(
    labels_model: Path, tmp_path: Path, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 5)
    for name in OWN[1:3]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for token in ("", "0" * 64):
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
        with pytest.raises(RunError, match="the token of the cluster, found a wrong one, or none"):
            classify_files(labels_model, path, out=tmp_path / "out", cluster=head.address)
    with pytest.raises(RunError, match="nothing that answers"):
        classify_files(labels_model, path, out=tmp_path / "out", cluster="127.0.0.1:9")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_killed_command_leaves_no_process(head: Head) -> None:
    folder = head.token.parent
    assert processes_of(folder)
    head.process.send_signal(signal.SIGKILL)
    head.process.wait()
    deadline = time.monotonic() + 60
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(folder) == []
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes that use a folder of Ray's, without those that have
    ended.
    """
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [line] if str(folder) in line else []
    return found


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[None]:
    """Let all runs share a cluster of this machine: on loopback, with a token that only its owner
    reads.
    """
    before = [os.environ.get(name) for name in OWN]
    left = Path(f"/tmp/foretell-ray-{secrets.token_hex(4)}")
    left.mkdir()
    with connected("local") as cluster, pytest.MonkeyPatch.context() as patch:
        import ray

        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700
        # What a killed command has left there.
        assert token.parent.parent == left.parent
        assert not left.exists()
        assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
        patch.setattr(module, "connected", lambda _: nullcontext(cluster))
        yield
    # Nothing is left behind.
    assert not token.parent.exists()
    assert [os.environ.get(name) for name in OWN] == before


@pytest.mark.usefixtures("one_cluster")
def test_a_run_survives_the_death_of_a_worker(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", ROWS)
    workers: list[str] = []

    def listener(line: Done, *_: object) -> None:
        workers.append(line.worker)
        if len(workers) == 1:
            os.kill(int(line.worker.rpartition(":")[2]), signal.SIGKILL)

    how: dict[str, Any] = {"out": tmp_path / "out", "shard_mb": 0.001}
    report = classify_files(labels_model, path, listener=listener, **how)
    rows = list(rows_in(tmp_path / "out"))
    verdicts = list(LabelsRuntime(labels_model).classify([text_of(i) for i in range(ROWS)]))
    assert [row["id"] for row in rows] == list(range(ROWS))
    assert [row["foretell_label"] for row in rows] == [verdict.label for verdict in verdicts]
    assert (report.rows, report.failed, report.shards > 10) == (ROWS, {}, True)
    assert len(workers) == report.shards
    # The same call has nothing left to do.
    again = classify_files(labels_model, path, listener=listener, **how)
    assert (again.rows, again.resumed_rows, len(workers)) == (ROWS, ROWS, report.shards)
    with pytest.raises(UsageError, match="one for each processor, found 10000"):
        classify_files(labels_model, path, out=tmp_path / "other", workers=10_000)


@pytest.mark.usefixtures("one_cluster")
def test_tables_are_cut_and_a_broken_row_is_a_row(tmp_path: Path, labels_model: Path) -> None:
    lines = [f'{n},"{text_of(n)}, ""{n}""\n"\r\n' for n in range(40)]
    lines[20] = '20,"a quote that is never closed\r\n'
    (tmp_path / "a.csv").write_text("id,text\r\n" + "".join(lines), newline="")
    table = pl.DataFrame({"id": range(40, 60), "text": [text_of(n) for n in range(40, 60)]})
    table.write_parquet(tmp_path / "b.parquet")
    how: dict[str, Any] = {"out": tmp_path / "out", "shard_mb": 0.0003}
    report = classify_files(labels_model, [tmp_path / "a.csv", tmp_path / "b.parquet"], **how)
    rows = list(rows_in(tmp_path / "out"))
    ids = [None if "id" not in row else int(row["id"]) for row in rows]
    assert ids == [*range(20), None, *range(21, 60)]
    assert "text after a closing quote" in rows[20]["reason"]
    assert (report.failed, report.skipped) == ({}, {"not read": 1})
    assert report.shards > 8
    again = classify_files(labels_model, [tmp_path / "a.csv", tmp_path / "b.parquet"], **how)
    assert again.resumed_rows == 60


@pytest.mark.usefixtures("one_cluster")
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
@pytest.mark.parametrize("columns", [["body"], ["title", "body"]])
def test_a_table_has_the_answers_that_it_has_without_a_cluster(
    tmp_path: Path,
    labels_model: Path,
    name: str,
    columns: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    texts = [f'{text_of(n)}\n"é, \t;' for n in range(30)]
    table = pl.DataFrame({"body": texts, "title": texts[::-1], "id": range(30)})
    if name.endswith("parquet"):
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="\t" if name.endswith("tsv") else ",")
    given = ["classify", str(labels_model), str(path), "--format", "jsonl"]
    given += [part for column in columns for part in ("--text", column)]
    assert main(given) == 0
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    out = tmp_path / "out"
    assert (
        main(
            [
                *given[:3],
                *given[5:],
                "--cluster",
                "local",
                "--out",
                str(out),
                "--shard-mb",
                "0.0003",
            ]
        )
        == 0
    )
    found = list(rows_in(out))
    assert len(json.loads((out / "_foretell" / "manifest.json").read_text())["parts"]) > 2
    assert len(found) == len(expected) == 30
    for row, answer in zip(found, expected, strict=True):
        assert_alike({each: row[each] for each in answer if each in row}, answer)


@pytest.mark.usefixtures("one_cluster")
def test_evaluate_writes_what_it_writes_without_a_cluster(
    tmp_path: Path, labels_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = random.Random(1)
    path = tmp_path / "in.jsonl"
    labels = [*generator.choices(["bad", "good", ""], k=99), "good"]
    texts = [*(text_of(generator.randrange(999)) for _ in range(99)), ""]
    rows = ({"text": text, "label": label} for text, label in zip(texts, labels, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = []
    for more in ((), ("--cluster", "local", "--shard-mb", "0.002")):
        assert main(["evaluate", str(labels_model), str(path), "--json", *more]) == 0
        found.append(json.loads(capsys.readouterr().out))
    # A cluster keeps no texts, of which the most confident mistakes would be.
    del found[0]["mistakes"]
    assert_alike(found[1], found[0])


def assert_alike(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_alike(found[name], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    else:
        assert found == (
            pytest.approx(expected, rel=1e-5) if isinstance(expected, float) else expected
        )


@pytest.mark.usefixtures("one_cluster")
def test_words_are_evaluated_and_scored_as_by_one_process(
    tmp_path: Path, words_model: Path
) -> None:
    path = tmp_path / "in.txt"
    texts = [text_of(i) for i in range(60)]
    path.write_text("".join(f"{text}\n" for text in texts))
    report = score_files(
        words_model, path, out=tmp_path / "scores", shard_mb=0.001, out_format="csv"
    )
    assert [row["text"] for row in rows_in(tmp_path / "scores")] == texts
    assert (report.rows, report.shards > 1) == (60, True)
    # A file without a word, which counts for nothing.
    (tmp_path / "blank.jsonl").write_text('{"text":" "}\nno JSON\n')
    report = evaluate_files(words_model, [path, tmp_path / "blank.jsonl"], shard_mb=0.001)
    assert (report.rows, report.skipped) == (62, {"not read": 1})
    metrics = report.metrics
    whole = vars(WordsRuntime(words_model).score(texts))
    assert metrics is not None
    assert list(metrics) == list(whole)
    for name in ("tokens", "words", "characters", "bytes", "unknown"):
        assert metrics[name] == whole[name]
    # The first words of a shard have no context.
    for name in ("perplexity", "bits_per_character", "bits_per_byte"):
        assert metrics[name] == pytest.approx(whole[name], rel=0.05)


EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"


def test_the_function_for_spark_answers_every_row(labels_model: Path) -> None:
    spec = importlib.util.spec_from_file_location("spark_udf", EXAMPLES / "spark_udf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = ["the mind", None, "", "the way"]
    found = module.make_predict(str(labels_model))(np.array(texts, object))
    expected = list(LabelsRuntime(labels_model).classify([text or "" for text in texts]))
    assert found["label"].tolist() == [verdict.label for verdict in expected]
    assert found["probability"].dtype == np.float32
