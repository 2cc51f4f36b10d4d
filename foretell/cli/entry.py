"""The entry point: parse the arguments, run a command, turn a failure into one line and an exit code."""

from __future__ import annotations

import io
import sys
import time
import traceback
from collections.abc import Sequence

from foretell.cli import stop
from foretell.cli.failures import describe
from foretell.cli.output import drop_stdout, note
from foretell.cli.tokens import Request, read_tokens
from foretell.errors import ForetellError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `foretell.cli.main`."""
    started = time.monotonic()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An argument that is not valid text must not fail when it is printed.
        sys.stdout.reconfigure(errors="replace")
    request = read_tokens(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(request, started)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # No error; but Python would complain when it closes stdout.
        drop_stdout()
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if request.debug:
            note(traceback.format_exc().rstrip())
        # An extension module makes an ImportError of an exception in its import.
        if stop.signal is not None and not isinstance(error, ForetellError):
            error = KeyboardInterrupt(stop.signal)
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
