"""The command line: `main` runs one command and turns every failure into one line and an exit code.

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from foretell.errors import ForetellError, Interrupted, UsageError

__all__ = ["command", "main"]


class StandardInput(str):
    """The argument "-". cyclopts would take it for an option because of how it starts."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Say that it does not look like an option."""
        return False


def command() -> NoReturn:
    """Be the process `foretell`: run its arguments and end with the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An argument that is no valid text must not end in an error of printing it.
        sys.stdout.reconfigure(errors="replace")
    code = main()
    if "tensorflow" in sys.modules:
        # All is written and synced by now; TensorFlow's own end need not be waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (default: the process's arguments) and return its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    tokens, debug = _take_debug(tokens)
    try:
        code = _run(tokens)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _quiet_pipe()
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        line, code = describe(error, tokens)
        print(f"foretell: {line}", file=sys.stderr)
        return code


def describe(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """Return the one line and the exit code that answer `error`, raised by the command `tokens`."""
    if isinstance(error, Interrupted):
        return f"interrupted; resume with: {resume_command(tokens)}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, ForetellError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        where = str(error.filename or "")
        found = error.strerror or str(error)
        answer = ForetellError(expected="a file that can be read or written", found=found, where=where)
        return str(answer), 1
    if type(error).__module__.startswith("cyclopts"):
        said = " ".join(str(error).split()).removesuffix(".")
        return f"{said}; see foretell {_verb(tokens)}--help", UsageError.exit_code
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"an error in foretell itself: {said}; --debug shows where", 1


def resume_command(tokens: Sequence[str]) -> str:
    """Return the shell command that continues the interrupted training `tokens`."""
    import shlex

    kept = [token for token in tokens if token not in ("--resume", "--restart")]
    return shlex.join(["foretell", *kept, "--resume"])


def _verb(tokens: Sequence[str]) -> str:
    """Return the verb of a command that could not be read, as far as it is one, with a space behind."""
    from foretell.cli.app import TRAIN, VERBS

    first, second = [*tokens, "", ""][:2]
    if first == "train":
        return f"train {second} " if second in TRAIN else "train "
    return f"{first} " if first in VERBS else ""


def _run(tokens: list[str]) -> int:
    from foretell.cli.app import app

    if not tokens:
        tokens = ["--help"]
    tokens = [StandardInput(token) if token == "-" else token for token in tokens]
    result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    return result if isinstance(result, int) else 0


def _take_debug(tokens: list[str]) -> tuple[list[str], bool]:
    """Take `--debug` out of the options, wherever it stands; a text after `--` is left alone."""
    end = tokens.index("--") if "--" in tokens else len(tokens)
    options = [token for token in tokens[:end] if token != "--debug"]
    return options + tokens[end:], len(options) != end


def _quiet_pipe() -> int:
    # The reader has gone, which is not an error; without this, Python complains when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
