"""A Ray cluster in another process, started as for --cluster local; tests join it by its address."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROGRAM = """
import json, os, sys
from foretell.cluster.session import connected
with connected("local") as cluster:
    print(json.dumps({"address": cluster.address, "token": os.environ["RAY_AUTH_TOKEN_PATH"]}), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Head:
    """A cluster: the HOST:PORT of its head, the file with its token, and the process that ends it."""

    address: str
    token: Path
    process: subprocess.Popen[str]


@contextmanager
def running_head() -> Iterator[Head]:
    """Start a cluster, and end it with the context."""
    command = [sys.executable, "-c", _PROGRAM]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        about = json.loads(process.stdout.readline())
        yield Head(about["address"], Path(about["token"]), process)
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def show_token(patch: pytest.MonkeyPatch, head: Head) -> None:
    """Let this process show the token of a cluster, as a user does."""
    patch.setenv("RAY_AUTH_TOKEN_PATH", str(head.token))
    patch.delenv("RAY_AUTH_TOKEN", raising=False)
