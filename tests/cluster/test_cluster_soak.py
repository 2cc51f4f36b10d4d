"""Long tests with a real cluster: killed workers, a full disk, a wrong token, a head that is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.heads import Head, running_head, show_token
from cluster.made_files import text_of, write_jsonl

from foretell.cluster import (
    classify_files,
    evaluate_files,
    inspect_cluster,
    read_rows,
    score_files,
)
from foretell.cluster import scheduler as scheduling
from foretell.cluster.scheduler import ShardDone
from foretell.cluster.tasks import ModelFiles
from foretell.cluster.work import Worker
from foretell.data.examples import read_examples
from foretell.errors import RunError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import evaluation_report
from foretell.runtime.words.predictor import WordsRuntime

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
KILLS = 30


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with running_head() as head:
        yield head


@pytest.fixture
def address(head: Head, monkeypatch: pytest.MonkeyPatch) -> str:
    show_token(monkeypatch, head)
    return head.address


def test_thirty_random_kills_lose_and_repeat_no_row(
    tmp_path: Path, labels_model: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shard may meet more than two of so many kills.
    monkeypatch.setattr(scheduling, "ATTEMPTS", KILLS)
    rows, generator = 60_000, random.Random(7)
    path = write_jsonl(tmp_path / "in.jsonl", rows)
    killed: set[str] = set()
    workers: set[str] = set()
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(generator.uniform(0.2, 0.8)) and len(killed) < KILLS:
            alive = [each for each in workers - killed if is_alive(each)]
            if alive:
                victim = generator.choice(alive)
                killed.add(victim)
                os.kill(pid_of(victim), signal.SIGKILL)

    def listener(event: ShardDone) -> None:
        workers.add(event.line.worker)
        # The run must outlast the kills.
        if len(killed) < KILLS:
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    report = classify_files(
        labels_model, path, out=tmp_path / "out", cluster=address, workers=3, shard_mb=0.01, listener=listener
    )
    ended.set()
    killer.join()
    assert report.failed == {}
    assert len(killed) == KILLS
    assert [row["id"] for row in read_rows(tmp_path / "out")] == list(range(rows))
    assert sorted(each.name for each in (tmp_path / "out").glob("part-*")) == sorted(
        each.name for each in (tmp_path / "out").iterdir() if each.name != "_foretell"
    )


def pid_of(worker: str) -> int:
    return int(worker.rpartition(":")[2])


def is_alive(worker: str) -> bool:
    try:
        os.kill(pid_of(worker), 0)
    except ProcessLookupError:
        return False
    return True


def test_more_workers_than_processors_share_them(tmp_path: Path, labels_model: Path, address: str) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 2000)
    report = classify_files(
        labels_model, path, out=tmp_path / "out", cluster=address, workers=5, shard_mb=0.01
    )
    assert report.rows == 2000
    assert len(report.worker_rates) > 2


def test_evaluate_and_score_give_what_one_process_gives(
    tmp_path: Path, labels_model: Path, words_model: Path, address: str
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 900)
    examples = read_examples(path)
    runtime = LabelsRuntime.open(labels_model)
    expected = evaluation_report(examples.labels, runtime.predict_proba(examples.texts), runtime.labels)
    figures = evaluate_files(labels_model, path, cluster=address, shard_mb=0.01).figures
    assert figures is not None
    assert figures["accuracy"] == expected["accuracy"]
    assert figures["confusion"] == expected["confusion"]
    assert figures["log_loss"] == pytest.approx(expected["log_loss"])
    text = tmp_path / "text.txt"
    text.write_text("".join(text_of(i) + "\n" for i in range(500)))
    whole = WordsRuntime.open(words_model).score(text.read_text().splitlines())
    words = evaluate_files(words_model, text, cluster=address, shard_mb=0.002).figures
    assert words is not None
    assert words["words"] == whole.words
    assert words["perplexity"] == pytest.approx(whole.perplexity, rel=0.05)
    report = score_files(words_model, text, out=tmp_path / "scores", cluster=address, shard_mb=0.002)
    assert [row["text"] for row in read_rows(tmp_path / "scores")] == text.read_text().splitlines()
    assert report.rows == 500


def test_a_full_disk_fails_after_three_tries_and_the_same_command_continues(
    tmp_path: Path, labels_model: Path, address: str
) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("mounts a small file system: needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounts a small file system: needs root")
    try:
        path = write_jsonl(tmp_path / "in.jsonl", 3000)
        out, lines = mounted / "out", tmp_path / "lines"
        # The lines of the manifest are elsewhere, so that it is the worker that meets the full disk.
        lines.mkdir()
        out.mkdir()
        (out / "_foretell").symlink_to(lines)
        report = classify_files(
            labels_model, path, out=out, cluster=address, shard_mb=0.02, out_format="jsonl"
        )
        assert report.failed
        assert all("No space left on device" in reason for reason in report.failed.values())
        assert not list(out.glob(".part-*"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(mounted)], check=True)
        again = classify_files(
            labels_model, path, out=out, cluster=address, shard_mb=0.02, out_format="jsonl"
        )
        assert again.failed == {}
        assert again.resumed_rows == report.rows > 0
        assert [row["id"] for row in read_rows(out)] == list(range(3000))
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_a_model_that_workers_cannot_reach_is_sent(
    tmp_path: Path, labels_model: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 50)

    class Elsewhere(Worker):
        def open(self, model: ModelFiles) -> dict[str, str] | None:
            return None if model.files is None else super().open(model)

    monkeypatch.setattr(scheduling, "Worker", Elsewhere)
    report = classify_files(labels_model, path, out=tmp_path / "out", cluster=address)
    assert (report.rows, report.failed) == (50, {})


def test_doctor_lists_nodes_versions_and_the_model(labels_model: Path, address: str) -> None:
    found = inspect_cluster(address, labels_model)
    (node,) = found.nodes
    assert found.is_good
    assert node.has_model
    assert node.processors > 0
    assert found.network_bytes_per_second is None
    with pytest.raises(RunError, match="expected a foretell model directory"):
        inspect_cluster(address, labels_model.parent)


def test_a_wrong_token_and_no_token_are_one_line(
    tmp_path: Path, labels_model: Path, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 5)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="expected a token, which every cluster but local needs"):
        classify_files(labels_model, path, out=tmp_path / "out", cluster=head.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with pytest.raises(RunError, match="expected the token of the cluster, found a wrong one"):
        classify_files(labels_model, path, out=tmp_path / "out", cluster=head.address)
    with pytest.raises(RunError, match="expected the head of a Ray cluster, found nothing that answers"):
        classify_files(labels_model, path, out=tmp_path / "out", cluster="127.0.0.1:9")
    assert not (tmp_path / "out" / "_foretell" / "done").exists()


def test_a_cluster_that_takes_any_token_is_refused(tmp_path: Path, labels_model: Path) -> None:
    program = (
        "import sys, ray; c = ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, "
        "logging_level='CRITICAL', object_store_memory=80 << 20); "
        "print(c.address_info['gcs_address'], flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        address = process.stdout.readline().strip()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_AUTH_TOKEN", "1" * 64)
            with pytest.raises(RunError, match="expected a cluster that checks tokens"):
                classify_files(
                    labels_model, write_jsonl(tmp_path / "in.jsonl", 5), out=tmp_path / "out", cluster=address
                )
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def test_a_head_that_is_lost_is_one_line_and_the_run_continues(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 30_000)
    command = [
        sys.executable,
        "-m",
        "foretell",
        "classify",
        str(labels_model),
        str(path),
        "--shard-mb",
        "0.01",
    ]
    command += ["--out", str(tmp_path / "out"), "--cluster"]
    with running_head() as lost:
        environment = {**os.environ, "RAY_AUTH_TOKEN_PATH": str(lost.token)}
        process = subprocess.Popen(
            [*command, lost.address], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out" / "_foretell").glob("done/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(lost.process.pid, signal.SIGKILL)
        _, error = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "expected the head of the cluster, found nothing that answers any more" in error
    done = len(list((tmp_path / "out" / "_foretell").glob("done/*")))
    assert done
    report = classify_files(labels_model, path, out=tmp_path / "out", shard_mb=0.01)
    assert report.resumed_rows > 0
    assert [row["id"] for row in read_rows(tmp_path / "out")] == list(range(30_000))


def test_the_example_starts_a_head_and_two_workers(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 2000)
    script = Path(__file__).parents[2] / "examples" / "cluster" / "local_cluster.sh"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(script), str(labels_model), str(path), str(tmp_path / "out")], env=environment,
        capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MB/s between two nodes" in done.stdout
    assert [row["id"] for row in read_rows(tmp_path / "out")] == list(range(2000))
