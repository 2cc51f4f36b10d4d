"""`foretell serve`: its examples, how it begins, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from foretell.cli.app import COMMANDS
from foretell.errors import UsageError
from foretell.service.models import named_places


@contextmanager
def serving(workplace: Path, *models: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and return the process and where it listens."""
    command = [sys.executable, "-m", "foretell", "serve", *models, "--port", "0"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")
    }
    with subprocess.Popen(
        command, cwd=workplace, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline().partition(" at ")[2].partition(";")[0]
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("example", "stop"),
    list(zip(COMMANDS["serve"].examples, [signal.SIGTERM, signal.SIGINT], strict=True)),
)
def test_each_example_serves_and_stops_when_asked(workplace: Path, example: str, stop: int) -> None:
    models = shlex.split(example.partition(" --port")[0])[2:]
    with serving(workplace, *models) as (process, url):
        names = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
        assert names == [model.partition("=")[0] for model in models]
        assert httpx.post(f"{url}/v1/classify", json={"texts": "good"}).status_code == 200
        process.send_signal(stop)
        assert process.wait(20) == 0
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert [line["route"] for line in lines] == ["/v1/models", "/v1/classify"]
    assert all(line["request_id"] and line["time"] for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGHUP")
@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_closed_terminal_ends_it_except_under_nohup(workplace: Path, *, is_ignored: bool) -> None:
    handler = signal.SIG_IGN if is_ignored else signal.SIG_DFL
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with serving(workplace, "reviews-model") as (process, url):
            process.send_signal(signal.SIGHUP)
            if is_ignored:
                assert httpx.get(f"{url}/health/ready").status_code == 200
                process.terminate()
            assert process.wait(20) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_log_that_nobody_reads_stops_nothing(workplace: Path) -> None:
    """The pipe is full after a few hundred lines, and the queue after a thousand more."""
    with serving(workplace, "reviews-model") as (process, url):
        with httpx.Client(base_url=url, timeout=10) as client:
            for _ in range(2_500):
                assert client.get("/health/live").status_code == 200
            name = "foretell_log_lines_dropped_total"
            metrics = client.get("/metrics").text.splitlines()
        values = dict(line.split(" ") for line in metrics if line.startswith("foretell_log"))
        assert float(values[name]) > 0
        process.terminate()
        assert process.wait(20) == 0


def test_models_are_named_as_their_directories_or_as_one_says(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    places = {"notes": tmp_path / "notes", "<script>": tmp_path / "x", "a=b": tmp_path / "a=b"}
    arguments = [str(tmp_path / "notes"), f"<script>={tmp_path}/x", str(tmp_path / "a=b")]
    assert named_places(arguments) == list(places.items())
    for wrong in ([], ["=x"], ["a\nb=x"], ["a/b=x"], ["</script>=x"], ["n" * 201 + "=x"]):
        with pytest.raises(UsageError):
            named_places(wrong)
