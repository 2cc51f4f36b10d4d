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
from typing import Any, get_args, get_origin

import pytest
from cli_workplace import TINY, Run

from foretell.cli.app import COMMANDS, make_app
from foretell.cli.setting_flags import PURPOSES, setting_infos
from foretell.config import Job

EXAMPLES = [example for command in COMMANDS.values() for example in command.examples]


# serve answers over HTTP, demo shows what it does, label asks.
WITHOUT_OUTPUT = {"serve", "demo", "label"}
READS_RECORDS = {
    "train labels",
    "classify",
    "explain",
    "evaluate",
    "export",
    "score",
    "data",
    "compare",
    "label",
}


@pytest.fixture(scope="module")
def workplace(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the examples write files."""
    copy = tmp_path_factory.mktemp("examples") / "workplace"
    return Path(shutil.copytree(workplace, copy))


@pytest.fixture
def fresh(workplace: Path, tmp_path: Path) -> Path:
    """A copy without models, as one has it who trains the first one."""
    return Path(
        shutil.copytree(workplace, tmp_path / "new", ignore=shutil.ignore_patterns("*-model"))
    )


def shown(text: str) -> str:
    """Return help as one line, without the boxes."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


def shape_of(command: str) -> str:
    """Return the required options and the arguments of a command, as a usage line has them."""
    app = make_app()
    for word in command.split():
        app = app[word]
    options = []
    arguments = []
    for argument in app.assemble_argument_collection():
        if argument.index is not None:
            assert argument.name.endswith("...") == (get_origin(argument.hint) is tuple)
            arguments.append(argument.name if argument.required else f"[{argument.name}]")
        elif argument.required and not argument.children:
            options.append(f"{argument.name} {argument.parameter.metavar}")
    return " ".join([*options, *arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_usage_line_names_every_argument(
    run: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As argparse writes it, where a user knows it from: [TEXT...], not [ARGS]."""
    monkeypatch.setenv("COLUMNS", "200")
    arguments = shape_of(command)
    help = run(*command.split(), "--help-all").out
    usage = f"Usage: foretell {command} [OPTIONS] {arguments}".strip()
    assert help.splitlines()[0] == usage
    assert COMMANDS[command].arguments == arguments
    # The value of an option is named, not its type in Python.
    assert not re.search(r"--[\w-]+ (STR|INT|FLOAT|PATH|BOOL|ARGS)\b|\|PATH", help)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_its_help_and_its_examples(
    run: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = run(*command.split(), "--help")
    every = run(*command.split(), "--help-all").out
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, every.splitlines())) <= 80
    assert "\x1b" not in every
    text = shown(answer.out)
    of = COMMANDS[command]
    for paragraph in (of.help, *of.more):
        assert " ".join(paragraph.split()) in text
    # So that it can be copied, no example is broken.
    assert of.examples
    assert {f"  {example}" for example in of.examples} <= set(answer.out.splitlines())
    options = re.findall(r"^│ (?:[* ]  )?(--[\w-]+)", every, re.MULTILINE)
    assert len(options) == len(set(options))
    assert ("--format" in options) == ("--json" in options) == (command not in WITHOUT_OUTPUT)
    assert ("--input-format" in options) == (command in READS_RECORDS)
    name = command.replace(" ", "_")
    assert callable(getattr(import_module(f"foretell.cli.{name}"), name))


def test_the_first_page_lists_every_command_in_groups(run: Run) -> None:
    text = run("--help").out
    titles = [
        "Train",
        "Predict with a model for labels",
        "Predict with a model for words",
        "Use any model",
        "Look up",
    ]
    assert [title for title in re.findall(r"╭─ ([\w ]+?) ─", text) if title in titles] == titles
    for command in COMMANDS:
        assert re.search(rf"^│ {command.split()[0]} ", text, re.MULTILINE)
    assert run("--version").out[0].isdigit()
    assert "Show the version." in text
    assert run().out == text


def flags(text: str) -> dict[str, str]:
    """Return the options that a help text lists, each with the title of its group."""
    listed = {}
    title = ""
    for line in text.splitlines():
        if match := re.match(r"╭─ (.+?) ─", line):
            title = match[1]
        elif match := re.match(r"│ (?:[* ]  )?--([\w-]+)", line):
            listed[match[1]] = title
    return listed


@pytest.mark.parametrize("job", get_args(Job))
def test_help_shows_the_common_settings_and_help_all_every_one(
    run: Run, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    common, every = (run("train", job, flag).out for flag in ("--help", "--help-all"))
    text = re.sub(r"--no-[\w-]+ ", "", shown(every))
    for info in setting_infos(job):
        flag = info.name.replace("_", "-")
        assert flags(every)[flag].removesuffix(" (more)") == info.purpose.capitalize()
        assert (flag in flags(common)) == info.common
        assert info.help in text
        assert f"{info.preset_values()}]" in text
        assert info.help.endswith(".")
    titles = [title.lower() for title in dict.fromkeys(flags(common).values())]
    assert [title for title in titles if title in PURPOSES] == list(PURPOSES)


# foretell serve runs until it is stopped: test_serve.py runs its examples. A push needs the Hub:
# tests/hub/. foretell label asks for answers: test_label.py. The demo has test_demo.py.
@pytest.mark.parametrize(
    "example",
    [
        e
        for e in EXAMPLES
        if "|" not in e and e.split()[1] not in ("serve", "push", "label", "demo")
    ],
)
def test_example(run: Run, example: str, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *argv = shlex.split(example)
    if argv[0] == "train":
        monkeypatch.chdir(fresh)
    answer = run(*argv)
    assert answer.code == 0, answer.err
    assert answer.out or argv[0] == "train"


def piped(command: str, folder: Path) -> None:
    """Run a command in a shell; it succeeds and writes something."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **TINY, "PATH": path}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("example", [e for e in EXAMPLES if "|" in e and " train " not in e])
def test_example_with_a_pipe(workplace: Path, example: str) -> None:
    piped(example, workplace)


@pytest.mark.soak
def test_a_training_goes_on_where_the_reader_of_what_it_shows_goes_away(fresh: Path) -> None:
    (example,) = (example for example in EXAMPLES if "|" in example and " train " in example)
    piped(f"{example} 2>&1 | head -n 2", fresh)
    assert (fresh / "notes-model" / "manifest.json").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "line", ["train labels", "train labels x --valid", "classify", "evaluate m"]
)
def test_shells_complete_the_names_of_files(line: str, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").touch()
    words = f"COMP_WORDS=(foretell {line} rev); COMP_CWORD={len(line.split()) + 1}"
    call = f"{words}; $(complete -p foretell | sed 's/.*-F //; s/ .*//'); echo $COMPREPLY"
    script = f"{make_app(all_options=False).generate_completion(shell='bash')}\n{call}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "reviews.csv"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_shells_describe_options_in_the_words_of_the_help(shell: Any) -> None:
    script = make_app().generate_completion(shell=shell)
    assert "Display" not in script
    assert shell in ("bash", "powershell") or "Show the version." in script
