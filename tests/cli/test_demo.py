"""demo: both jobs on the sample texts, by the commands that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from cli_workplace import Run


def test_demo_runs_the_commands_that_it_shows(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "models"
    answer = run("demo", "--out", str(out))
    assert answer.code == 0, answer.err
    commands = [shlex.split(line) for line in re.findall(r"^\$ foretell (.*)$", answer.out, re.MULTILINE)]
    names = [command[0] for command in commands]
    assert names == ["train", "next", "complete", "train", "classify", "explain"]
    assert run(*commands[4]).out in answer.out


def test_demo_refuses_at_once_what_it_cannot_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "mine.txt").write_text("x")
    answer = run("demo", "--out", str(tmp_path))
    assert answer.code == 1
    assert answer.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["labels"]
