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


class LimitError(ValueError):
    """A process that did not end within its limits."""


def run_limited(
    script: str,
    *arguments: object,
    memory: int,
    seconds: int,
    wait: float | None = None,
    given: bytes = b"",
) -> None:
    """Run a script, which calls `work_limited`, and wait for its end.

    Args:
        script: its path.
        arguments: what its work is given, as strings.
        memory: in bytes (on Linux).
        seconds: of processor time (on Linux and macOS).
        wait: seconds on any clock; None: as many as it takes.
        given: its standard input.

    Raises:
        LimitError: it did not end within the limits.
        ValueError: its work raised an error; the first line of its message.
    """
    # The same packages as here, but not those of the working directory.
    path = os.pathsep.join(filter(None, sys.path))
    # A library in Rust that has no memory left may need for ever to show where.
    usual = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
    environment = {**os.environ, **usual}
    command = [sys.executable, "-P", script, *map(str, (memory, seconds, *arguments))]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=wait, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise LimitError(f"more than {wait:g} seconds") from error
    if done.returncode == 0:
        return
    if said := done.stdout.decode(errors="replace").strip():
        raise ValueError(said)
    raise LimitError(f"more than {seconds} seconds, or more memory than its size explains")


def work_limited(work: Callable[..., object]) -> None:
    """Call `work` with the arguments of this script, within its limits, and end the process."""
    memory, seconds, *arguments = sys.argv[1:]
    _limit(int(memory), int(seconds))
    try:
        work(*arguments)
    except MemoryError:
        sys.exit(1)
    # A panic of a library in Rust is no Exception.
    except BaseException as error:
        shown = str(error).strip().partition("\n")[0] or type(error).__name__
        sys.stdout.buffer.write(shown[:300].encode(errors="replace"))
        sys.exit(1)


def _limit(memory: int, seconds: int) -> None:
    # Windows has none of these limits, and macOS not that of memory.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
