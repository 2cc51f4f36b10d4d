"""Whatever is being written: killed or failing at any step, a reader finds the old version or the new one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from reliability.sizes import SOAK_SECONDS, report
from reliability.writes import KINDS, OPERATIONS

ROOT = Path(__file__).parents[2]
# What a reader may find where there was no old version, and where a part may be made anew.
_ALLOWED = {"first request": {"none", "new"}, "export": {"none", "new"}, "cache": {"old", "none", "new"}}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2 and SIGKILL"),
    # An export writes some hundred times.
    pytest.mark.parametrize(
        "operation",
        [pytest.param(each, marks=pytest.mark.soak) if each == "export" else each for each in OPERATIONS],
    ),
]


class Server:
    """A running server of `writes`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *command: object) -> str:
        """Return the answer to a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if command:
            self._process.stdin.write(" ".join(map(str, command)) + "\n")
            self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def serving(operation: str, folder: Path) -> Iterator[Server]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "reliability.writes", operation, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        try:
            server = Server(process)
            assert server.ask() == "ready"
            yield server
        finally:
            process.kill()


def check(operation: str, kind: str, answer: str) -> tuple[int, str]:
    """Return the exit status and what was found; fail where it is neither the old nor the new version."""
    code, found = answer.split()
    assert found in _ALLOWED.get(operation, {"old", "new"}), (kind, answer)
    # Killed, done, a typed error, or the system's own.
    assert int(code) in (-9, 0, 1, 2), (kind, answer)
    if int(code) == 0:
        assert found == "new", (kind, answer)
    return int(code), found


def test_every_call_that_writes(operation: str, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    with serving(operation, tmp_path) as server:
        # `make soak` has EIO too, by system call.
        for kind in ("SIGKILL", "ENOSPC"):
            for number in range(1, 100):
                code, found = check(operation, kind, server.ask("patched", kind, number))
                outcomes[f"{kind}, {found}"] += 1
                if kind != "SIGKILL":
                    assert code != 2 or operation == "cache", "a command would print the system's error"
                if code == 0 and number > 20:
                    break
                # An error that does not matter, such as one in deleting the old version, is ignored.
            assert code == 0
    assert outcomes["SIGKILL, new"]
    report(f"patched {operation}", **outcomes)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_every_system_call(operation: str, tmp_path: Path) -> None:
    calls = (
        "openat",
        "write",
        "fsync",
        "rename,renameat,renameat2",
        "mkdir",
        "unlink,unlinkat,rmdir",
        "ftruncate,pwrite64",
    )
    outcomes: Counter[str] = Counter()
    with serving(operation, tmp_path) as server:
        for names in calls:
            for kind in KINDS:
                # Opening to read fails like anything else: each is an opened file, a library's too.
                for number in range(1, 150):
                    what = "signal=KILL" if kind == "SIGKILL" else f"error={kind}"
                    pid = server.ask("begin")
                    command = ["strace", "-f", "-qq", "-o", tmp_path / "log", "-e", f"trace={names}"]
                    inject = f"inject={names}:{what}:when={number}"
                    with subprocess.Popen(
                        [*command, "-e", inject, "-p", pid], stderr=subprocess.DEVNULL
                    ) as tracer:
                        until = time.monotonic() + 10
                        while f"TracerPid:\t{tracer.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
                            assert time.monotonic() < until, "strace may not attach here"
                            time.sleep(0.002)
                        code, found = check(operation, f"{names} {kind} {number}", server.ask("end"))
                        tracer.wait(10)
                    outcomes[f"{kind}, {found}"] += 1
                    log = (tmp_path / "log").read_text()
                    if "INJECTED" not in log and "killed by SIGKILL" not in log:
                        break
                assert code in (0, 3), (names, kind)
    report(f"strace {operation}", interruptions=sum(outcomes.values()), **outcomes)
