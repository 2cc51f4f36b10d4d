"""`foretell serve`: its examples, how it begins, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from foretell.cli.app import COMMANDS


@pytest.mark.parametrize(
    ("example", "stop"),
    list(zip(COMMANDS["serve"].examples, [signal.SIGTERM, signal.SIGINT], strict=True)),
)
def test_each_example_serves_and_stops_when_asked(workplace: Path, example: str, stop: int) -> None:
    models = shlex.split(example.partition(" --port")[0])[2:]
    command = [sys.executable, "-m", "foretell", "serve", *models, "--port", "0"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")
    }
    with subprocess.Popen(
        command, cwd=workplace, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().partition(" at ")[2].partition(";")[0]
            names = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
            assert names == [model.partition("=")[0] for model in models]
            assert httpx.post(f"{url}/v1/classify", json={"texts": "good"}).status_code == 200
            process.send_signal(stop)
            assert process.wait(20) == 0
            lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        finally:
            process.kill()
    assert [line["route"] for line in lines] == ["/v1/models", "/v1/classify"]
    assert all(line["request_id"] and line["time"] for line in lines)
