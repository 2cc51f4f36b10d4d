"""Run one command: read its arguments, and turn every failure into one line and an exit code."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli import stop
from foretell.cli.output import note
from foretell.errors import ForetellError, Interrupted, SettingsError, UsageError
from foretell.readable import did_you_mean

if TYPE_CHECKING:
    from cyclopts import CycloptsError

FAILED = 1

# What is typed from habit, and what it is called here; cyclopts would suggest what is spelled like
# it.
_HABITS = {
    "help": "foretell --help",
    "version": "--version",
    "-V": "--version",
    "predict": "classify",
    "fit": "train",
    "eval": "evaluate",
    "--lr": "--learning-rate",
    "--batch": "--batch-size",
    "--output": "--out",
    "-o": "--out",
    "--input": "--input-format",
    "--force": "--overwrite",
}
_DEVICES = re.compile(r"--?(gpus?|cuda|device|tpu|cpu)\b", re.IGNORECASE)
_ON_DEVICES = (
    "leave it out: a GPU is used wherever TensorFlow finds one, foretell doctor --train "
    "lists what it finds, "
    "and docs/devices.md explains it"
)
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
    kept = [token for token in tokens[:end] if token not in _SWITCHES]
    if "--help-all" in switches:
        kept.append("--help")
    return [
        StandardInput(token) if token == "-" else token for token in kept + tokens[end:]
    ], switches


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
        # An extension module makes an ImportError of an exception in its import.
        if stop.signal is not None and not isinstance(error, ForetellError):
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
        kept = [token for token in tokens if token not in ("--resume", "--restart", "--overwrite")]
        kept.insert(kept.index("--") if "--" in kept else len(kept), "--resume")
        return f"interrupted; resume with: {shlex.join(['foretell', *kept])}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        numbers = (each for each in error.args if isinstance(each, int))
        return "interrupted", 128 + next(numbers, signal.SIGINT)
    if isinstance(error, ForetellError):
        return str(_with_flag(error, tokens)), error.exit_code
    if isinstance(error, OSError):
        found = error.strerror or str(error)
        where = str(error.filename or "")
        line = ForetellError(
            expected="a file that can be read or written", found=found, where=where
        )
        return str(line), FAILED
    if type(error).__module__.startswith("cyclopts"):
        return _wrong_usage(error, tokens), UsageError.exit_code  # type: ignore[arg-type]
    message = " ".join(str(error).split())
    return (
        f"unexpected error: {type(error).__name__}: {message}; --debug shows the traceback",
        FAILED,
    )


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
    return type(error)(expected=error.expected, found=error.found, where=flag, fix=error.fix)


def _wrong_usage(error: CycloptsError, tokens: Sequence[str]) -> str:
    """Return the line for arguments that cyclopts does not take: its message, and what to do."""
    import cyclopts

    words = [
        word for word in tokens[: 2 if tokens[:1] == ["train"] else 1] if not word.startswith("-")
    ]
    if isinstance(error, cyclopts.UnknownCommandError):
        words = words[:-1]
    see = " ".join(["see foretell", *words, "--help"])
    token = getattr(error, "token", None)
    word = str(token.keyword or token.value if token else (error.unused_tokens or [""])[0])
    if isinstance(error, cyclopts.MissingArgumentError) and error.argument is not None:
        # Another name of the option that is missing.
        word = next((each for each in tokens if _HABITS.get(each) == error.argument.name), "")
    fix = f"did you mean {_HABITS[word]}?" if word in _HABITS else see
    if _DEVICES.match(word):
        fix = _ON_DEVICES
    elif isinstance(error, cyclopts.UnusedCliTokensError):
        fix = f"put a text in quotes, or {see}"
    elif isinstance(error, cyclopts.UnknownOptionError) and word.startswith("["):
        # A key of the file of --config.
        known = [name.lstrip("-") for each in error.argument_collection for name in each.names]
        fix = did_you_mean(word.strip("[]"), known) or see
    elif isinstance(error, cyclopts.UnknownOptionError) and " " in word:
        fix = f"put -- before a text that begins with -, or {see}"
    message = " ".join(str(error).split()).replace("into float", "into a number")
    message = re.sub(
        r"^Unused Tokens: \[(.*)\]\.?$", r"expected no further argument, found \1", message
    )
    # A list that is cut off helps less than what was meant, as does an option that is spelled like
    # it.
    message = re.sub(r" Available commands: .* \.\.\.?$", "", message)
    message = message if see in fix else re.sub(r" Did you mean [^?]*\?$", "", message)
    return f"{message.removesuffix('.')}; {fix}"
