"""The entry point: parse the arguments, run a command, turn a failure into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import NoReturn

from foretell.cli.failures import describe
from foretell.cli.output import note
from foretell.cli.tokens import Request, read_tokens


def command() -> NoReturn:
    """Run the arguments of this process and end it with the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An argument that is not valid text must not fail when it is printed.
        sys.stdout.reconfigure(errors="replace")
    code = main()
    if "tensorflow" in sys.modules:
        # Every file is written and synced by now; TensorFlow's shutdown would only take time.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A process may call it more than once.

    Args:
        argv: the command and its arguments; None: those of the process.
    """
    started = time.monotonic()
    request = read_tokens(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(request, started)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _end_of_pipe()
    except (Exception, KeyboardInterrupt) as error:
        if request.debug:
            note(traceback.format_exc().rstrip())
        line, code = describe(error, request.tokens)
        note(f"foretell: {line}")
        return code


def _run(request: Request, started: float) -> int:
    from foretell.cli.app import make_app

    app = make_app(all_options=request.all_options)
    action, bound, injected = app.parse_args(list(request.tokens), exit_on_error=False, print_error=False)
    if "started" in injected:
        # --minutes counts from here, for every command anew.
        bound.arguments["started"] = started
    result = action(*bound.args, **bound.kwargs)
    return result if isinstance(result, int) else 0


def _end_of_pipe() -> int:
    # The reader has closed the pipe, which is no error; Python would complain when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
