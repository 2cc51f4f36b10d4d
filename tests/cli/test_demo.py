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
    commands = [
        shlex.split(line) for line in re.findall(r"^\$ \S*foretell (.*)$", answer.out, re.MULTILINE)
    ]
    names = [command[0] for command in commands]
    assert names == ["train", "next", "complete", "train", "classify", "explain"]
    assert run(*commands[4]).out in answer.out
    again = run("demo", "--out", str(out))
    assert (again.code, "--overwrite" in again.err) == (1, True)
