"""Run one command: read its arguments, and turn every failure into one line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from foretell.cli import stop
from foretell.cli.mistakes import wrong_usage
from foretell.cli.output import note
from foretell.errors import ForetellError, Interrupted, SettingsError, UsageError
from foretell.installation import command

FAILED = 1

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SWITCHES = frozenset({"--debug", "--help-all"})


class StandardInput(str):
    """The argument "-". cyclopts takes what starts with a hyphen for an option."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Return False: it is no option."""
        return False


def read_tokens(argv: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Return the command and its arguments, and which of --debug and --help-all stand among them.

    Without arguments, and with --help-all, the command is --help. What stands after "--" is text
    and stays as it is.
    """
    tokens = list(argv) or ["--help"]
    end = tokens.index("--") if "--" in tokens else len(tokens)
    switches = _SWITCHES.intersection(tokens[:end])
    words = [token for token in tokens[:end] if token not in _SWITCHES]
    if "--help-all" in switches:
        words.append("--help")
    words += tokens[end:]
    return [StandardInput(word) if word == "-" else word for word in words], switches


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A process may call it more than once.

    Args:
        argv: the command and its arguments; None: those of the process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An argument that is not valid text must not fail when it is printed. Files are UTF-8
        # everywhere.
        is_file = not sys.stdout.isatty() and "PYTHONIOENCODING" not in os.environ
        sys.stdout.reconfigure(encoding="utf-8" if is_file else None, errors="replace")
    tokens, switches = read_tokens(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(tokens, all_options="--help-all" in switches)
        sys.stdout.flush()
        return code
    except (BrokenPipeError, SystemExit):  # rich raises SystemExit
        # No error; but Python would complain when it closes stdout.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in switches:
            note(traceback.format_exc().rstrip())
        # An extension module makes an ImportError of an exception in its import; and pipes end
        # with the process that wrote into them.
        if stop.signal is not None and not isinstance(error, Interrupted):
            error = KeyboardInterrupt(stop.signal)
        line, code = describe(error, tokens)
        note(f"foretell: {line}")
        return code


def _run(tokens: Sequence[str], *, all_options: bool) -> int:
    from foretell.cli.app import make_app

    app = make_app(all_options=all_options)
    action, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    result = action(*bound.args, **bound.kwargs)
    return result if isinstance(result, int) else 0


def describe(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """Return the line and the exit code for `error`, which the command `tokens` raised."""
    if isinstance(error, Interrupted):
        return f"interrupted; resume with: {command(*_resuming(tokens))}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        numbers = (each for each in error.args if isinstance(each, int))
        return "interrupted", 128 + next(numbers, signal.SIGINT)
    if isinstance(error, ForetellError):
        return str(_with_flag(error, tokens)), error.exit_code
    if isinstance(error, OSError):
        found = error.strerror or str(error)
        where = str(error.filename or "")
        expected = "a file that can be read or written"
        fix = ""
        if error.errno in _FULL:
            fix = "free some space, then run it again (a training with --resume)"
        return str(ForetellError(expected, found, where=where, fix=fix)), FAILED
    if isinstance(error, MemoryError):
        fix = "give fewer or shorter texts at once, or more memory"
        return str(ForetellError("enough memory", "none left", fix=fix)), FAILED
    if type(error).__module__.startswith("cyclopts"):
        return wrong_usage(error, tokens), UsageError.exit_code  # type: ignore[arg-type]
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"unexpected error: {what}; --debug shows the traceback", FAILED


def _resuming(tokens: Sequence[str]) -> list[str]:
    """Return the command that resumes a training."""
    words = [word for word in tokens if word not in ("--resume", "--restart", "--overwrite")]
    words.insert(words.index("--") if "--" in words else len(words), "--resume")
    return words


def _with_flag(error: ForetellError, tokens: Sequence[str]) -> ForetellError:
    """Return `error` with its option as it is spelled here: `--learning-rate`, where Python has a
    keyword.
    """
    name = error.where.replace("_", "-")
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    is_given = any(token.partition("=")[0] == flag for token in tokens)
    is_option = isinstance(error, SettingsError) or (isinstance(error, UsageError) and is_given)
    if not (is_option and re.fullmatch(r"[a-z][a-z0-9-]*", name)):
        return error
    return type(error)(error.expected, error.found, where=flag, fix=error.fix)
