"""What matters in the Dockerfile: slim, not root, no TensorFlow, a token, signals that arrive."""

from __future__ import annotations

import json
import re
from importlib.metadata import requires
from pathlib import Path

import pytest

from foretell.cli import main

ROOT = Path(__file__).parent.parent.parent
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, as (keyword, arguments)."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        keyword, arguments = line.split(maxsplit=1)
        if keyword == "FROM":
            found.append([])
        found[-1].append((keyword, arguments))
    return found


def test_every_stage_is_a_slim_python_of_a_version_that_we_support(
    stages: list[list[tuple[str, str]]],
) -> None:
    for stage in stages:
        assert re.fullmatch(r"python:3\.1[123]-slim(@sha256:[0-9a-f]{64})?( AS \w+)?", stage[0][1])


def test_the_last_stage_is_not_root_and_has_no_build_tools(stages: list[list[tuple[str, str]]]) -> None:
    last = stages[-1]
    users = [arguments for keyword, arguments in last if keyword == "USER"]
    assert users
    # A number: what runs containers can see that it is not root.
    assert int(users[-1]) > 0
    assert not any("pip install" in arguments for _, arguments in last)


def test_every_instruction_is_one_of_dockers(stages: list[list[tuple[str, str]]]) -> None:
    known = {
        "FROM",
        "WORKDIR",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
    }
    assert {keyword for stage in stages for keyword, _ in stage} == known


def test_who_it_runs_as_is_made_before(stages: list[list[tuple[str, str]]]) -> None:
    last = stages[-1]
    (user,) = (arguments for keyword, arguments in last if keyword == "USER")
    before = [arguments for keyword, arguments in last[: last.index(("USER", user))] if keyword == "RUN"]
    assert any(re.search(rf"\buseradd\b.*--uid {user}\b", arguments) for arguments in before)


def test_what_the_last_stage_takes_is_made_before_and_is_on_its_path(
    stages: list[list[tuple[str, str]]],
) -> None:
    made = {stage[0][1].rpartition(" AS ")[2]: stage for stage in stages[:-1]}
    (taken,) = (arguments.split() for keyword, arguments in stages[-1] if keyword == "COPY")
    source, place, target = taken
    runs = [arguments for keyword, arguments in made[source.removeprefix("--from=")] if keyword == "RUN"]
    # Its programs name the interpreter by its place: it must not move.
    assert place == target
    assert any(f"-m venv --without-pip {place} " in arguments for arguments in runs)
    assert any(f"--python {place}/bin/python " in arguments for arguments in runs)
    (environment,) = (arguments for keyword, arguments in stages[-1] if keyword == "ENV")
    assert f'PATH="{target}/bin:' in environment


def test_it_installs_the_service_and_not_the_training(stages: list[list[tuple[str, str]]]) -> None:
    installs = " ".join(arguments for stage in stages for keyword, arguments in stage if keyword == "RUN")
    assert '".[serve]"' in installs
    assert "--constraint requirements.lock" in installs
    assert not re.search(r"\[[\w,-]*train[\w,-]*\]|tensorflow", installs)
    served = [line for line in requires("foretell") or [] if "extra ==" not in line or "'serve'" in line]
    assert any("fastapi" in line for line in served)
    assert not any(re.match(r"(tensorflow|keras|onnx\b)", line) for line in served)


def test_it_copies_only_what_is_there_and_not_ignored(stages: list[list[tuple[str, str]]]) -> None:
    assert IGNORED[1] == "*"
    copied = [
        name
        for stage in stages
        for keyword, arguments in stage
        if keyword == "COPY" and not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name.removeprefix('./')}" in IGNORED


def test_it_starts_with_a_token_and_gets_its_signals(
    stages: list[list[tuple[str, str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    last = dict(stages[-1])
    # A list: a shell in between would swallow SIGTERM.
    entry = json.loads(last["ENTRYPOINT"])
    assert entry[:2] == ["foretell", "serve"]
    assert entry[entry.index("--host") + 1] == "0.0.0.0"
    token = entry[entry.index("--token-file") + 1]
    assert last["EXPOSE"] == entry[entry.index("--port") + 1]
    assert f"http://127.0.0.1:{last['EXPOSE']}/health/live" in last["HEALTHCHECK"]
    # The command is one that foretell understands: all that it lacks here is the token.
    assert main([*entry[1:], "model"]) == 2
    assert token in capsys.readouterr().err
