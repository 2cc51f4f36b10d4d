"""Run a script in a process of its own, with bounded memory and processor time.

What a library does with a file from outside can be neither bounded nor ended on a thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

MAX_BYTES = 1 << 30
BYTES_TIMES = 16
"""Memory that the reading of a file may take: so much, and so many times its size (on Linux)."""


def run_limited(
    script: str, *arguments: object, size: int, seconds: int, wait: float, given: bytes = b""
) -> None:
    """Run a script, which calls `work_limited`, and wait for its end.

    Args:
        script: its path.
        arguments: what its work is given, as strings.
        size: of the file that it reads, in bytes.
        seconds: of processor time, at most (on Linux and macOS).
        wait: seconds on any clock, at most.
        given: its standard input.

    Raises:
        ValueError: its work raised an error, or did not end within the limits.
    """
    memory = MAX_BYTES + BYTES_TIMES * size
    # The same packages as here, but not those of the working directory. A library in Rust that has
    # no memory left may take for ever to show where.
    path = os.pathsep.join(filter(None, sys.path))
    names = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
    command = [sys.executable, "-P", script, *map(str, (memory, seconds, *arguments))]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=wait, env=os.environ | names
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"more than {wait:g} seconds") from None
    if done.returncode:
        limits = f"more than {seconds} seconds, or more memory than its size explains"
        raise ValueError(done.stdout.decode() or limits)


def work_limited(work: Callable[..., object]) -> None:
    """Call `work` with the arguments of this script, within its limits."""
    memory, seconds = map(int, sys.argv[1:3])
    # Windows has none of these limits, and macOS not that of memory.
    with suppress(ImportError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        work(*sys.argv[3:])
    except BaseException as error:
        shown = f"{type(error).__name__}: {error}"
        if not isinstance(error, Exception):
            # A panic of a library in Rust speaks of its own code.
            shown = "the reader stopped at a part that it did not expect"
        sys.stdout.buffer.write(shown[:300].encode(errors="replace"))
        sys.exit(1)
