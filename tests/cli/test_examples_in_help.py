"""Every example that a help text shows works as it stands."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cli_workplace import TINY, Run

from foretell.cli.app import TRAIN, VERBS

EXAMPLES = [example for verb in (*TRAIN.values(), *VERBS.values()) for example in verb.examples]


@pytest.mark.parametrize("verb", [*(f"train {name}" for name in TRAIN), *VERBS])
def test_each_verb_shows_its_examples(run: Run, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = run(*verb.split(), "--help")
    assert answer.code == 0
    examples = {**{f"train {name}": verb for name, verb in TRAIN.items()}, **VERBS}[verb].examples
    assert examples
    # Wherever the lines are broken.
    shown = " ".join(answer.out.split())
    for example in examples:
        assert example in shown


# foretell serve runs until it is stopped: test_serve.py runs its examples.
@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if "|" not in e and not e.startswith("foretell serve")]
)
def test_example(run: Run, example: str) -> None:
    _, *argv = shlex.split(example)
    answer = run(*argv)
    assert answer.code == 0, answer.err
    assert answer.out or argv[0] == "train"


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "|" in example])
def test_example_with_a_pipe(workplace: Path, example: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        example,
        shell=True,
        cwd=workplace,
        env={**os.environ, **TINY, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
