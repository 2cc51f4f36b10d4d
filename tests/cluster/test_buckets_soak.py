"""Buckets: input from S3 and output to it, against moto's server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.made_files import write_jsonl

from foretell.cluster import classify_files, read_rows, storage
from foretell.cluster.storage import input_files
from foretell.errors import DataError, RunError

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(600),
    # moto and Werkzeug use what Python deprecates.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


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


def test_from_a_bucket_to_a_bucket_and_again(tmp_path: Path, labels_model: Path, bucket: str) -> None:
    for number in range(3):
        part = write_jsonl(tmp_path / f"{number}.jsonl", 200, first=200 * number)
        storage.put(f"s3://data/in/{number}.jsonl?{bucket}", part.read_bytes())
    out = f"s3://data/out?{bucket}"
    report = classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005, workers=2)
    assert report.failed == {}
    assert [row["id"] for row in read_rows(out)] == list(range(600))
    # An attempt whose line was never written counts for nothing.
    storage.put(f"s3://data/out/part-00000-given-up.parquet?{bucket}", b"half")
    assert [row["id"] for row in read_rows(out)] == list(range(600))
    again = classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005)
    assert again.resumed_rows == 600
    names = [each.file for each in input_files([f"s3://data/in/[01].jsonl?{bucket}"])]
    assert len(names) == 2
    storage.put(f"s3://data/in/0.jsonl?{bucket}", b'{"text":"changed"}\n')
    with pytest.raises(RunError, match="a file that has changed since"):
        classify_files(labels_model, f"s3://data/in?{bucket}", out=out, shard_mb=0.005)


def test_a_bucket_that_refuses_is_one_line(tmp_path: Path, labels_model: Path, bucket: str) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", 5)
    with pytest.raises(DataError, match=r"none|refused or failed"):
        input_files([f"s3://nobody/in?{bucket}"])
    with pytest.raises(RunError, match="an output folder that can be read and written") as caught:
        classify_files(labels_model, path, out=f"s3://nobody/out?{bucket}")
    assert "\n" not in str(caught.value)


def test_a_bucket_that_does_not_answer_is_one_line(bucket: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    del bucket
    with pytest.raises(DataError, match="refused or failed") as caught:
        input_files([f"s3://data/in?endpoint_override=127.0.0.1:{port}&scheme=http"])
    assert "\n" not in str(caught.value)
