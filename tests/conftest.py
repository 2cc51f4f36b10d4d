"""What all tests share: signals at their default, errors that are complete, and the reasons for
which a test may skip.

In continuous integration a test may skip only for a reason that is listed here.

Everywhere else a skip is a courtesy to a machine without Chromium, Node.js or the full data sets.
Where the environment variable CI is set, `.ci/run` has installed what it can, so that any other
skip hides a test.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator

import hypothesis
import pytest

from foretell.errors import ForetellError

# A deadline for each example fails on a busy machine.
hypothesis.settings.register_profile("foretell", deadline=None, max_examples=50)
hypothesis.settings.load_profile("foretell")

# `nohup` and shells without job control start a process with signals ignored, and its children
# inherit that. Tests send these signals to the processes that they start.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A pattern of the reason, and why continuous integration cannot run the test.
ALLOWED_SKIPS = {
    r"needs (aclImdb_v1\.tar\.gz|ptb\.zip): set FORETELL_DATA": "the full data sets are not in Git",
    r"only Linux|reads Linux's|needs renameat2|sends a POSIX signal|needs /dev/full": "needs another system",
    r"this file system cannot exchange two names": "depends on the file system of the machine",
    r"the processor has no (tile registers|vector instructions for bfloat16)": "depends on the "
    "processor",
}


def is_allowed(reason: str) -> bool:
    """Return whether a test with this reason may skip in continuous integration."""
    return any(re.search(pattern, reason) for pattern in ALLOWED_SKIPS)


def _unexpected(config: pytest.Config) -> dict[tuple[str, str], int]:
    """Return how often each file skipped tests for each reason that is not allowed; nothing outside
    CI.
    """
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    counts: Counter[tuple[str, str]] = Counter()
    if terminal is None or not os.environ.get("CI"):
        return counts
    for report in terminal.stats.get("skipped", []):
        # A skip is (path, line, "Skipped: reason"), of a test or of a whole module.
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not is_allowed(reason):
            counts[report.nodeid.partition("::")[0], reason] += 1
    return counts


@pytest.fixture(scope="session", autouse=True)
def errors_have_words() -> Iterator[None]:
    """Fail a test that raises an error with None for what was expected, found, where, or to do."""
    with pytest.MonkeyPatch.context() as patch:
        really = ForetellError.__init__

        def check(self: ForetellError, expected: str, found: object, **more: object) -> None:
            assert None not in (expected, found, *more.values())
            really(self, expected, found, **more)  # type: ignore[arg-type]

        patch.setattr(ForetellError, "__init__", check)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a test was skipped that continuous integration can run."""
    if session.exitstatus == pytest.ExitCode.OK and _unexpected(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the files and reasons of those skips, and what to do."""
    if not (unexpected := _unexpected(config)):
        return
    terminalreporter.section("skipped, although continuous integration can run them", red=True)
    for (file, reason), count in sorted(unexpected.items()):
        terminalreporter.line(f"{file}: {count} skipped: {reason}")
    terminalreporter.line(
        "install what is missing in .ci/run, or add the reason to ALLOWED_SKIPS in "
        "tests/conftest.py"
    )
