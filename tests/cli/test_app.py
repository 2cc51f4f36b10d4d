"""Help: every command shows what it does and its examples, and every example works as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from cli_workplace import TINY, Run

from foretell.cli.app import COMMANDS

EXAMPLES = [example for command in COMMANDS.values() for example in command.examples]
VERBS = {
    "compare", "continue", "export", "label", "list", "measure", "predict", "push", "search", "serve", "show",
    "train", "write",
}  # fmt: skip


@pytest.fixture(scope="module")
def workplace(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the examples write files."""
    copy = tmp_path_factory.mktemp("examples") / "workplace"
    return Path(shutil.copytree(workplace, copy))


@pytest.fixture
def fresh(workplace: Path, tmp_path: Path) -> Path:
    """A copy without models, as one has it who trains the first one."""
    return Path(shutil.copytree(workplace, tmp_path / "new", ignore=shutil.ignore_patterns("*-model")))


def shown(text: str) -> str:
    """Return help as one line: wherever lines are broken, a continued command is one again."""
    return " ".join(text.replace("\\\n", " ").split())


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_its_help_and_its_examples(run: Run, command: str) -> None:
    answer = run(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    text = shown(answer.out)
    assert COMMANDS[command].help in text
    for more in COMMANDS[command].more:
        assert " ".join(more.split()) in text
    assert COMMANDS[command].examples
    for example in COMMANDS[command].examples:
        assert example in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", "train", *COMMANDS])
def test_help_fits_the_terminal(run: Run, command: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for flag in ("--help", "--help-all"):
        answer = run(*command.split(), flag)
        assert answer.code == 0
        assert max(map(len, answer.out.splitlines())) <= width
        assert "\x1b" not in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_a_verb(command: str) -> None:
    first = COMMANDS[command].help.split()[0].lower()
    assert first in VERBS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_function_is_that_of_no_other(run: Run, command: str) -> None:
    name = command.replace(" ", "_")
    module, function = (COMMANDS[command].code or f"{name}:{name}").split(":")
    assert callable(getattr(import_module(f"foretell.cli.{module}"), function))
    options = re.findall(
        r"^  (?:-\w, )?(--[\w\[\]-]+)", run(*command.split(), "--help-all").out, re.MULTILINE
    )
    assert len(options) == len(set(options))


def test_the_first_page_lists_every_command_in_groups(run: Run) -> None:
    lines = run("--help").out.splitlines()
    titles = [
        "Train",
        "Predict with a model for labels",
        "Predict with a model for words",
        "Use any model",
        "Look up",
    ]
    assert [line for line in lines if line in titles] == titles
    for command in COMMANDS:
        assert any(line.split()[:1] == [command.split()[0]] for line in lines)


def test_version(run: Run) -> None:
    answer = run("--version")
    assert answer.code == 0
    assert answer.out[0].isdigit()


# foretell serve runs until it is stopped: test_serve.py runs its examples. A push needs the Hub: tests/hub/.
# foretell label asks for answers: test_label.py.
@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES if "|" not in e and e.split()[1] not in ("serve", "push", "label")],
)
def test_example(run: Run, example: str, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *argv = shlex.split(example)
    if argv[0] == "train":
        monkeypatch.chdir(fresh)
    answer = run(*argv)
    assert answer.code == 0, answer.err
    assert answer.out or argv[0] == "train"


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "|" in example])
def test_example_with_a_pipe(workplace: Path, fresh: Path, example: str) -> None:
    folder = fresh if "train" in example else workplace
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        example, shell=True, cwd=folder, env={**os.environ, **TINY, "PATH": path}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
