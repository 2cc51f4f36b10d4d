"""The limits that pages state are those of the constants in the code and in the tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from foretell import limited
from foretell.annotation import ranking
from foretell.data import near
from foretell.data.download import LIMITS
from foretell.data.records import MAX_RECORD
from foretell.export import check
from foretell.hub import client
from foretell.runtime import trial
from foretell.runtime.graph_check import MAX_MADE
from foretell.runtime.session import MAX_THREADS
from foretell.runtime.words import networks
from foretell.service import limits, models, requests, server

ROOT = Path(__file__).parent.parent
USUAL = limits.Limits()


def numbers(file: str, *names: str) -> list[float]:
    """Return constants MAX_… of a test, which need not be imported for it."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    found = {
        ast.unparse(each.targets[0]): each.value
        for each in tree.body
        if isinstance(each, ast.Assign)
    }
    return [ast.literal_eval(found[f"MAX_{name}"]) for name in names]


def wholes(file: str) -> dict[str, int]:
    """Return how much each test of a file does as a whole, the second argument of `sizes`."""
    found = {}
    for each in ast.parse((ROOT / "tests/reliability" / file).read_text(encoding="utf-8")).body:
        for call in getattr(each, "decorator_list", ()):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "sizes":
                found[f"`{getattr(each, 'name', '')}`"] = ast.literal_eval(call.args[1])
    return found


def row(file: str, what: str, test: str) -> str:
    """Return the end of the row of a test in the table of long ones."""
    return f"{test} | {wholes(file)[test]:,} {what} |"


INPUTS = wholes("test_malformed.py")
CORRUPTIONS = INPUTS.pop("`test_every_corruption_is_caught`")
HOSTILE = numbers("artifacts/test_hostile.py", "CPU_SECONDS", "MEGABYTES")
EXPENSIVE = numbers("reliability/test_expensive.py", "WAIT", "MEGABYTES", "EXIT")
CONNECTIONS = numbers("reliability/test_connections.py", "FILES", "WAIT", "MEGABYTES")
[MALFORMED] = numbers("reliability/test_malformed.py", "SECONDS")
[EACH_SIGNAL] = numbers("reliability/test_interrupted_trainings.py", "SECONDS")
[END_UNDER_LOAD] = numbers("reliability/test_load.py", "SECONDS")
[LOG] = numbers("reliability/test_connections.py", "LOG")
[REPLACED] = numbers("reliability/test_replaced_models.py", "MEGABYTES")
THREADS = {4: "four"}[MAX_THREADS]
REDIRECTS = {5: "five"}[LIMITS.redirects]

WHOLES = {
    "test_interrupted_trainings.py": ["kills a job"],
    "test_expensive.py": ["combinations"],
    "test_load.py": ["requests", "requests", "signals"],
    "test_replaced_models.py": ["requests"],
}
"""What the tests of a file count, in their order."""

PROMISES = {
    "SECURITY.md": [
        f"A record has at most {MAX_RECORD >> 20} Mi characters",
        f"have at most {LIMITS.max_bytes >> 20} MiB, {LIMITS.seconds / 60:g} minutes "
        f"and {REDIRECTS} redirects",
        f"they too have at most {MAX_RECORD >> 20} Mi characters",
        f"from the Hugging Face Hub at most {client.MAX_BYTES >> 30} GiB",
        f"announces, and {client.MAX_SECONDS / 3600:g} hours",
        f"of its own, with {trial.MAX_SECONDS} seconds of processor time",
        f"with {limited.MAX_BYTES >> 30} GiB of memory and {limited.BYTES_TIMES} times the size",
        f"make more than {MAX_MADE >> 20} Mi numbers",
        f"{HOSTILE[0]:g} seconds and {HOSTILE[1]} MB until it is refused",
        f"| {USUAL.body >> 20} MiB of body, {USUAL.characters:,} characters, {USUAL.tokens:,} "
        f"tokens, {USUAL.seconds:g} seconds of up to {THREADS} threads",
        f"{server.HEAD_BYTES >> 10} KiB of head",
        f"{server.HEAD_SECONDS:g} seconds without a head, {USUAL.seconds:g} seconds without "
        "reading",
        f"{USUAL.queue:,} texts that wait",
    ],
    "docs/reliability.md": [
        f"compared on {check.N_TEXTS} texts",
        f"within {HOSTILE[0]:g} seconds of processor time and {HOSTILE[1]} MB",
        f"an answer or a typed error within {MALFORMED:g} seconds",
        f"stages are answered within {EACH_SIGNAL:g} seconds",
        f"wait longer than {EXPENSIVE[0]:g} second and takes no more than {EXPENSIVE[1]:g} MB",
        f"after SIGTERM the process ends within {EXPENSIVE[2]:g} seconds",
        f"and the process ends within {END_UNDER_LOAD:g} seconds",
        f"to a process that may open {CONNECTIONS[0]} files",
        f"answered within {CONNECTIONS[1]:g} seconds, memory grows by {CONNECTIONS[2]:g} MB at "
        f"most, the log has at most {LOG / 1000:g} kB",
        f"memory grows by {REPLACED:g} MB and open files by 5 at most",
        f"`tests/reliability/test_malformed.py` | {sum(INPUTS.values()):,} inputs |",
        f"`test_every_corruption_is_caught` | {CORRUPTIONS:,} corruptions |",
        *(
            row(file, what, test)
            for file, whats in WHOLES.items()
            for what, test in zip(whats, wholes(file), strict=True)
        ),
    ],
    "docs/serving.md": [
        f"A request may have {USUAL.body >> 20} MiB, {USUAL.texts:,} texts, "
        f"{USUAL.characters:,} characters and {USUAL.tokens:,} tokens",
        f"more than {requests.LONG_CHARACTERS:,} characters or {requests.LONG_TEXTS} texts",
        f"more than {server.MAX_CHUNKS:,} chunks",
        f"more than {server.HEAD_BYTES >> 10} KiB; more than {server.MAX_HEADERS} headers",
        f"than {server.MAX_HELD >> 20} MiB together, or than {server.MAX_BODIES} bodies",
        f"{limits.MAX_CONTAINERS} objects and arrays",
        f"a word of more than {limits.MAX_WORD:,} characters",
        f"more than {models.MAX_VERDICTS >> 20} MiB of probabilities",
        f"more than {server.MAX_WAITING} requests that wait on one connection",
        f"after {server.GRACE_SECONDS:g} seconds gets a 503",
        f"head within {server.HEAD_SECONDS:g} seconds is closed",
        f"again every {models.RETRY_SECONDS:g} seconds",
        f"A body above {requests.MAX_ON_LOOP >> 10} KiB is parsed",
        f"last {networks.MAX_STATES} beginnings of texts",
    ],
    "docs/data.md": [
        f"The first {near.MAX_CHARACTERS:,} characters of a",
        f"Jaccard similarity of at least {near.MIN_SHARED}",
        f"fewer than {near.MIN_WORDS} different words",
        f"Of more than {near.MAX_TEXTS:,} texts",
    ],
    "docs/annotate.md": [
        f"Of more than {ranking.MAX_TEXTS:,} different texts",
        f"{ranking.MAX_CHARACTERS / 1e6:g} million characters in all, "
        f"{ranking.MIN_CHARACTERS} of each",
    ],
}


@pytest.mark.parametrize("page", PROMISES)
def test_a_promised_number_is_the_one_in_the_code(page: str) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert [promise for promise in PROMISES[page] if promise not in text] == []
