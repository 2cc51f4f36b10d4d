"""Every failure becomes one line, which says what to do, and an exit code."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Sequence

from foretell.cli.tokens import command_of
from foretell.errors import ForetellError, Interrupted, SettingsError, UsageError

FAILED = 1


def describe(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """Return the line and the exit code for `error`, which the command `tokens` raised."""
    if isinstance(error, Interrupted):
        return f"interrupted; resume with: {resume_command(tokens)}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + (error.args[0] if error.args else signal.SIGINT)
    if isinstance(error, ForetellError):
        return str(_with_flag(error, tokens)), error.exit_code
    if isinstance(error, OSError):
        return _system_error(error), FAILED
    message = " ".join(str(error).split()).replace("into float", "into a number")
    if type(error).__module__.startswith("cyclopts"):
        return f"{message.removesuffix('.')}; see {help_command(tokens)}", UsageError.exit_code
    return f"unexpected error: {type(error).__name__}: {message}; --debug shows the traceback", FAILED


def resume_command(tokens: Sequence[str]) -> str:
    """Return the shell command that resumes the interrupted training `tokens`."""
    kept = [token for token in tokens if token not in ("--resume", "--restart")]
    return shlex.join(["foretell", *kept, "--resume"])


def help_command(tokens: Sequence[str]) -> str:
    """Return the command that shows the help of the command that `tokens` name, as far as there is one."""
    from foretell.cli.app import COMMANDS

    words = command_of(tokens).split()
    while words and " ".join(words) not in COMMANDS:
        words.pop()
    return " ".join(["foretell", *words, "--help"])


def _with_flag(error: ForetellError, tokens: Sequence[str]) -> ForetellError:
    """Return `error` with its option as it is spelled here: `--learning-rate`, where Python has a keyword."""
    name = error.where.replace("_", "-")
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    is_given = any(token.partition("=")[0] == flag for token in tokens)
    is_option = isinstance(error, SettingsError) or (isinstance(error, UsageError) and is_given)
    if not (is_option and re.fullmatch(r"[a-z][a-z0-9-]*", name)):
        return error
    return type(error)(expected=error.expected, found=error.found, where=flag, fix=error.fix)


def _system_error(error: OSError) -> str:
    reason = error.strerror or str(error)
    where = str(error.filename or "")
    return str(ForetellError(expected="a file that can be read or written", found=reason, where=where))
