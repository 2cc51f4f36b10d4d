"""Whatever is being written: killed or failing at any step, a reader finds the old version or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from reliability.sizes import report
from reliability.writes import KINDS, OPERATIONS

ROOT = Path(__file__).parents[2]
# What a reader may find where there was no old version, and where a part may be made anew.
_ALLOWED = {"first request": {"none", "new"}, "export": {"none", "new"}, "cache": {"old", "none", "new"}}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2 and SIGKILL"),
    # An export writes some hundred times, and a first request as a second one.
    pytest.mark.parametrize(
        "operation",
        [
            pytest.param(each, marks=pytest.mark.soak) if each in ("export", "first request") else each
            for each in OPERATIONS
        ],
    ),
]


@contextmanager
def serving(operation: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """Run a server of `writes`; yield a function from a command to its answer."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "reliability.writes", operation, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(command: str) -> str:
            process.stdin.write(f"{command}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            assert process.stdout.readline() == "ready\n"
            yield ask
        finally:
            process.kill()


def check(operation: str, kind: str, answer: str) -> tuple[int, str]:
    """Return the exit status and what was found; fail where it is neither the old nor the new version."""
    code, found = answer.split()
    assert found in _ALLOWED.get(operation, {"old", "new"}), (kind, answer)
    # Killed, done, a typed error, or the system's own.
    assert int(code) in (-9, 0, 1, 2, 4), (kind, answer)
    if int(code) in (0, 4):
        assert found == "new", (kind, answer)
    return int(code), found


def test_every_call_that_writes(operation: str, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    with serving(operation, tmp_path) as ask:
        for kind in KINDS:
            for number in range(1, 100):
                code, found = check(operation, kind, ask(f"{kind} {number}"))
                outcomes[f"{kind}, {found}"] += 1
                if kind != "SIGKILL":
                    assert code != 2 or operation == "cache", "a command would print the system's error"
                if code == 4:
                    break
                # An error that does not matter, such as one in deleting the old version, is ignored.
            assert code == 4
            assert number > 3
    assert outcomes["SIGKILL, new"]
    report(f"patched {operation}", **outcomes)
