"""Long tests of Ray: kills, a full disk, lost heads, buckets."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cluster.heads import Head, running_head
from cluster.made_files import rows_in, write_jsonl

from foretell.cluster import files as module
from foretell.cluster import storage
from foretell.cluster.files import classify_files
from foretell.cluster.output import Done
from foretell.cluster.storage import input_files
from foretell.errors import DataError, RunError

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    # moto and Werkzeug use what Python deprecates.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
KILLS = 30


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with running_head(is_rays=True) as head:
        yield head


@pytest.fixture
def address(head: Head, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(head.token))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    return head.address


def test_thirty_random_kills_lose_and_repeat_no_row(
    tmp_path: Path, labels_model: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shard may meet more than two of so many kills.
    monkeypatch.setattr(module, "ATTEMPTS", KILLS)
    rows = 60_000
    generator = random.Random(7)
    path = write_jsonl(tmp_path / "in.jsonl", rows)
    killed: set[str] = set()
    workers: set[str] = set()
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(generator.uniform(0.2, 0.8)) and len(killed) < KILLS:
            alive = [each for each in workers - killed if psutil.pid_exists(pid_of(each))]
            if alive:
                victim = generator.choice(alive)
                killed.add(victim)
                os.kill(pid_of(victim), signal.SIGKILL)

    def listener(line: Done, *_: object) -> None:
        workers.add(line.worker)
        # The run must outlast the kills.
        if len(killed) < KILLS:
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    report = classify_files(
        labels_model, path, out=tmp_path / "out", cluster=address, shard_mb=0.01, listener=listener
    )
    ended.set()
    killer.join()
    assert report.failed == {}
    assert len(killed) == KILLS
    assert [row["id"] for row in rows_in(tmp_path / "out")] == list(range(rows))


def pid_of(worker: str) -> int:
    return int(worker.rpartition(":")[2])


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
        out = mounted / "out"
        lines = tmp_path / "lines"
        # The lines of the manifest are elsewhere, so that it is the worker that meets the full
        # disk.
        lines.mkdir()
        out.mkdir()
        (out / "_foretell").symlink_to(lines)
        report = classify_files(labels_model, path, out=out, cluster=address, shard_mb=0.02)
        assert report.failed
        assert all("No space left on device" in reason for reason in report.failed.values())
        assert not list(out.glob(".part-*"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(mounted)], check=True)
        again = classify_files(labels_model, path, out=out, cluster=address, shard_mb=0.02)
        assert again.failed == {}
        assert again.resumed_rows == report.rows > 0
        assert [row["id"] for row in rows_in(out)] == list(range(3000))
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_a_head_that_is_lost_is_one_line_and_the_run_continues(
    tmp_path: Path, labels_model: Path
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 30_000)
    command = [sys.executable, "-m", "foretell", "classify", str(labels_model), str(path)]
    command += ["--shard-mb", "0.01", "--out", str(tmp_path / "out"), "--cluster"]
    with running_head(is_rays=True) as lost:
        environment = {**os.environ, "RAY_AUTH_TOKEN_PATH": str(lost.token)}
        process = subprocess.Popen(
            [*command, lost.address],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 120
        while (
            not list((tmp_path / "out" / "_foretell").glob("done/*"))
            and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        os.kill(lost.process.pid, signal.SIGKILL)
        _, error = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "expected the head of the cluster, found nothing that answers any more" in error
    done = len(list((tmp_path / "out" / "_foretell").glob("done/*")))
    assert done
    report = classify_files(labels_model, path, out=tmp_path / "out", shard_mb=0.01)
    assert report.resumed_rows > 0
    assert [row["id"] for row in rows_in(tmp_path / "out")] == list(range(30_000))


def test_the_example_starts_a_head_and_two_workers(tmp_path: Path, labels_model: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 2000)
    script = Path(__file__).parents[2] / "examples" / "cluster" / "local_cluster.sh"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [str(script), str(labels_model), str(path), str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row["id"] for row in rows_in(tmp_path / "out")] == list(range(2000))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the options of a bucket path; the bucket is called data."""
    from pyarrow import fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = fs.S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True)
    made.create_dir("data")
    return f"endpoint_override={endpoint}&scheme=http"


def test_from_a_bucket_to_a_bucket_and_again(
    tmp_path: Path, labels_model: Path, bucket: str
) -> None:
    for number in range(3):
        part = write_jsonl(tmp_path / f"{number}.jsonl", 200, first=200 * number)
        storage.put(f"s3://data/in/{number}.jsonl?{bucket}", part.read_bytes())
    out = f"s3://data/out?{bucket}"
    report = classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005)
    assert report.failed == {}
    assert ids_in(out) == list(range(600))
    # An attempt whose line was never written counts for nothing.
    storage.put(f"s3://data/out/part-00000-deadbeef.jsonl?{bucket}", b"half")
    again = classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005)
    assert again.resumed_rows == 600
    assert ids_in(out) == list(range(600))
    storage.put(f"s3://data/in/0.jsonl?{bucket}", b'{"text":"changed"}\n')
    with pytest.raises(RunError, match="the files of the run that is there, found another"):
        classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005)


def ids_in(out: str) -> list[int]:
    """Return the ids in the parts below a bucket path, in the order of their names."""
    parts = storage.files_below(out, recursive=False)
    return [
        json.loads(row)["id"]
        for part in parts
        for row in storage.read_range(part.file, 0).splitlines()
    ]


def test_a_bucket_that_refuses_or_does_not_answer_is_one_line(
    tmp_path: Path, labels_model: Path, bucket: str
) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 5)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        silent = f"endpoint_override=127.0.0.1:{closed.getsockname()[1]}&scheme=http"
    for address in (f"s3://nobody/in?{bucket}", f"s3://data/in?{silent}"):
        with pytest.raises(DataError, match=r"none|refused or failed") as refused:
            input_files([address])
        assert "\n" not in str(refused.value)
    with pytest.raises(RunError, match="an output folder that can be read and written") as caught:
        classify_files(labels_model, path, out=f"s3://nobody/out?{bucket}")
    assert "\n" not in str(caught.value)
