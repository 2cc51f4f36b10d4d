"""`foretell serve`: its examples, how it begins, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cli_workplace import Run

from foretell import machine
from foretell.cli.app import COMMANDS


@contextmanager
def served(workplace: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command on a free port: where it listens, and its process."""
    command = [sys.executable, "-m", "foretell", "serve", *arguments, "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
    with subprocess.Popen(
        command, cwd=workplace, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        # Notes on the data come first.
        first = next((line for line in process.stderr if " at http://" in line), "")
        try:
            assert " at http://" in first
            yield first.partition(" at ")[2].partition(";")[0], process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("example", "stop"), list(zip(COMMANDS["serve"].examples, [signal.SIGTERM, signal.SIGINT], strict=True))
)
def test_each_example_serves_and_stops_when_asked(workplace: Path, example: str, stop: int) -> None:
    words = shlex.split(example)[2:]
    models = words[: words.index("--port")] if "--port" in words else words
    with served(workplace, *models) as (url, process):
        names = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
        assert names == [model.partition("=")[0] for model in models]
        assert httpx.post(f"{url}/v1/classify", json={"texts": "good"}).status_code == 200
        process.send_signal(stop)
        assert process.wait(20) == 0
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert [line["route"] for line in lines] == ["/v1/models", "/v1/classify"]
    assert all(line["request_id"] and line["time"] for line in lines)


def test_a_port_in_use_is_one_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = run("serve", "notes-model", "--port", port)
    assert answer.code == 1
    assert answer.err == (
        f"foretell: 127.0.0.1: expected a free port, found port {port} in use; "
        "stop the program that uses it, or choose another --host or --port\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "MODEL"),
        (["notes-model", "notes-model"], 2, "NAME=DIRECTORY"),
        (["notes-model", "--host", "0.0.0.0"], 2, "--token-file"),
        (["notes-model", "--token-file", "missing"], 2, "openssl rand"),
        (["notes-model", "--allow-origin", "*"], 2, "--allow-origin"),
        (["notes-model", "--limit-texts", "0"], 2, "limit-texts"),
        (["notes-model", "--port", "70000"], 2, "65535"),
        (["missing-model"], 1, "missing-model"),
        ([".", "--port", "0"], 1, "did not write"),
    ],
)
def test_what_cannot_be_served_is_one_line(run: Run, arguments: list[str], code: int, says: str) -> None:
    answer = run("serve", *arguments)
    assert answer.code == code
    assert says in answer.err
    assert answer.err.startswith("foretell: ")
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_a_missing_extra_is_answered_with_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "fastapi" else object())
    answer = run("serve", "notes-model")
    assert answer.code == 1
    assert answer.err == (
        "foretell: expected fastapi, uvicorn, httptools, prometheus_client, which serving needs, "
        "found no fastapi; pip install 'foretell[serve]'\n"
    )


def test_serving_loads_nothing_heavy() -> None:
    heavy = ("tensorflow", "keras", "onnx", "sklearn", "pandas", "pyarrow")
    modules = "foretell.service.app, foretell.service.server"
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_texts_are_labelled_on_the_page_with_the_labels_of_the_model(workplace: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    with served(workplace, "reviews-model", "--annotate", "reviews.csv", "--answers", str(answers)) as (
        url,
        _,
    ):
        state = httpx.post(f"{url.partition('/#')[0]}/v1/annotation/next", json={}, timeout=60).json()
    assert [each["name"] for each in state["labels"]] == ["negative", "positive"]
    assert answers.exists()


@pytest.mark.parametrize(
    "given", [("--annotate", "reviews.csv"), ("--answers", "x.jsonl"), ("--labels", "a,b")]
)
def test_texts_need_a_file_for_the_answers(run: Run, given: tuple[str, str]) -> None:
    answer = run("serve", "reviews-model", *given)
    assert answer.code == 2
    assert "--annotate TEXTS together with --answers FILE" in answer.err
