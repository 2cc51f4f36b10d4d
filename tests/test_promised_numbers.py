"""The limits in SECURITY.md and docs/reliability.md are those of the constants in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from foretell.artifacts.constant_sizes import MAX_MADE
from foretell.data.download import LIMITS
from foretell.data.records import MAX_RECORD
from foretell.hub import client
from foretell.runtime import trial
from foretell.runtime.session import MAX_THREADS
from foretell.service import server
from foretell.service.limits import Limits

ROOT = Path(__file__).parent.parent
SECURITY = ROOT / "SECURITY.md"
RELIABILITY = ROOT / "docs/reliability.md"
USUAL = Limits()


def number(file: str, name: str) -> float:
    """Return a constant of a test, which need not be imported for it."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    (value,) = (
        each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name
    )
    found: float = ast.literal_eval(value)
    return found


def numbers(file: str, *names: str) -> list[float]:
    return [number(file, f"MAX_{name}") for name in names]


HOSTILE = numbers("artifacts/test_hostile.py", "CPU_SECONDS", "MEGABYTES")
EXPENSIVE = numbers("reliability/test_expensive.py", "WAIT", "MEGABYTES", "EXIT")
CONNECTIONS = numbers("reliability/test_connections.py", "FILES", "WAIT", "MEGABYTES")
THREADS = {4: "four"}[MAX_THREADS]
MALFORMED = number("reliability/test_malformed.py", "MAX_SECONDS")
EACH_SIGNAL = number("reliability/test_interrupted_trainings.py", "MAX_SECONDS")
END_UNDER_LOAD = number("reliability/test_load.py", "MAX_SECONDS")

PROMISES = [
    (SECURITY, f"A record has at most {MAX_RECORD >> 20} Mi characters"),
    (SECURITY, f"have at most {LIMITS.max_bytes >> 20} MiB, {LIMITS.seconds / 60:g} minutes"),
    (SECURITY, f"from the Hugging Face Hub at most {client.MAX_BYTES >> 30} GiB"),
    (SECURITY, f"announces, and {client.MAX_SECONDS / 3600:g} hours"),
    (SECURITY, f"of its own, with {trial.MAX_SECONDS} seconds of processor time"),
    (
        SECURITY,
        f"with {trial.MAX_BYTES >> 30} GiB of memory and {trial.BYTES_TIMES} times the size",
    ),
    (SECURITY, f"make more than {MAX_MADE >> 20} Mi numbers"),
    (SECURITY, f"{HOSTILE[0]:g} seconds and {HOSTILE[1]} MB until it is refused"),
    (
        SECURITY,
        f"{USUAL.body >> 20} MiB of body, {USUAL.characters:,} characters, {USUAL.tokens:,} "
        "tokens, "
        f"{USUAL.seconds:g} seconds of up to {THREADS} threads",
    ),
    (SECURITY, f"{server.HEAD_BYTES >> 10} KiB of head"),
    (SECURITY, f"{server.HEAD_SECONDS:g} seconds without a head"),
    (SECURITY, f"{USUAL.queue:,} texts that wait"),
    (RELIABILITY, f"within {HOSTILE[0]:g} seconds of processor time and {HOSTILE[1]} MB"),
    (
        RELIABILITY,
        f"an answer or a typed error within {MALFORMED:g} seconds",
    ),
    (RELIABILITY, f"stages are answered within {EACH_SIGNAL:g} seconds"),
    (
        RELIABILITY,
        f"wait longer than {EXPENSIVE[0]:g} second and takes no more than {EXPENSIVE[1]:g} MB",
    ),
    (RELIABILITY, f"after SIGTERM the process ends within {EXPENSIVE[2]:g} seconds"),
    (RELIABILITY, f"and the process ends within {END_UNDER_LOAD:g} seconds"),
    (RELIABILITY, f"to a process that may open {CONNECTIONS[0]} files"),
    (
        RELIABILITY,
        f"answered within {CONNECTIONS[1]:g} seconds, memory grows by {CONNECTIONS[2]:g} MB at most",
    ),
]


@pytest.mark.parametrize(("file", "promise"), PROMISES)
def test_a_promised_number_is_the_one_in_the_code(file: Path, promise: str) -> None:
    assert promise in file.read_text(encoding="utf-8")
