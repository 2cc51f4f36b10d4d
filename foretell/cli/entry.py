"""Run one command: read its arguments, and turn every failure into one line and an exit code."""

from __future__ import annotations

import io
import re
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foretell.cli import stop
from foretell.cli.output import drop_stdout, note
from foretell.errors import ForetellError, Interrupted, SettingsError, UsageError
from foretell.readable import did_you_mean

if TYPE_CHECKING:
    from cyclopts import CycloptsError, UnknownCommandError

FAILED = 1

# What is typed from habit, and what it is called here.
_HABITS = {
    "help": "foretell --help", "version": "--version", "-V": "--version", "predict": "classify",
    "fit": "train", "eval": "evaluate", "--lr": "--learning-rate", "--batch": "--batch-size",
    "--output": "--out", "-o": "--out", "--input": "--input-format", "--force": "--overwrite",
}  # fmt: skip
_DEVICES = re.compile(r"--?(gpus?|cuda|device|tpu|cpu)\b", re.IGNORECASE)
_ON_DEVICES = (
    "leave it out: a GPU is used wherever TensorFlow finds one, foretell doctor --train lists what it finds, "
    "and docs/devices.md explains it"
)


class StandardInput(str):
    """The argument "-". cyclopts takes what starts with a hyphen for an option."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Return False: it is no option."""
        return False


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        tokens: the command and its arguments; without arguments "--help".
        debug: whether --debug was given.
        all_options: whether --help-all was given; `tokens` then hold "--help".
    """

    tokens: tuple[str, ...]
    debug: bool = False
    all_options: bool = False


def read_tokens(argv: Iterable[str]) -> Request:
    """Return the request that `argv` makes. What stands after "--" is text and stays as it is."""
    tokens = list(argv) or ["--help"]
    end = tokens.index("--") if "--" in tokens else len(tokens)
    options = [token for token in tokens[:end] if token not in ("--debug", "--help-all")]
    all_options = "--help-all" in tokens[:end]
    if all_options:
        options.append("--help")
    return Request(
        tokens=tuple(StandardInput(token) if token == "-" else token for token in options + tokens[end:]),
        debug="--debug" in tokens[:end],
        all_options=all_options,
    )


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


def describe(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """Return the line and the exit code for `error`, which the command `tokens` raised."""
    if isinstance(error, Interrupted):
        return f"interrupted; resume with: {resume_command(tokens)}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + (error.args[0] if error.args else signal.SIGINT)
    if isinstance(error, ForetellError):
        return str(_with_flag(error, tokens)), error.exit_code
    if isinstance(error, OSError):
        found, where = error.strerror or str(error), str(error.filename or "")
        line = ForetellError(expected="a file that can be read or written", found=found, where=where)
        return str(line), FAILED
    if type(error).__module__.startswith("cyclopts"):
        return _wrong_usage(error, tokens), UsageError.exit_code  # type: ignore[arg-type]
    message = " ".join(str(error).split())
    return f"unexpected error: {type(error).__name__}: {message}; --debug shows the traceback", FAILED


def resume_command(tokens: Sequence[str]) -> str:
    """Return the shell command that resumes the interrupted training `tokens`."""
    kept = [token for token in tokens if token not in ("--resume", "--restart", "--overwrite")]
    return shlex.join(["foretell", *kept, "--resume"])


def help_command(tokens: Sequence[str]) -> str:
    """Return the command that shows the help of the command that `tokens` name, as far as there is one."""
    return " ".join(["foretell", *_command_of(tokens), "--help"])


def _command_of(tokens: Sequence[str]) -> list[str]:
    """Return the words that name a command, as far as there is one."""
    from foretell.cli.app import COMMANDS

    words = list(tokens[:2] if "train" in tokens[:1] else tokens[:1])
    while words and " ".join(words) not in (*COMMANDS, "train"):
        words.pop()
    return words


def _with_flag(error: ForetellError, tokens: Sequence[str]) -> ForetellError:
    """Return `error` with its option as it is spelled here: `--learning-rate`, where Python has a keyword."""
    name = error.where.replace("_", "-")
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    is_given = any(token.partition("=")[0] == flag for token in tokens)
    is_option = isinstance(error, SettingsError) or (isinstance(error, UsageError) and is_given)
    if not (is_option and re.fullmatch(r"[a-z][a-z0-9-]*", name)):
        return error
    return type(error)(expected=error.expected, found=error.found, where=flag, fix=error.fix)


def _wrong_usage(error: CycloptsError, tokens: Sequence[str]) -> str:
    """Return the line for arguments that cyclopts does not take."""
    import cyclopts

    see = f"see {help_command(tokens)}"
    if isinstance(error, cyclopts.UnknownCommandError):
        return _unknown_command(error, tokens)
    if isinstance(error, cyclopts.UnknownOptionError):
        word = error.token.keyword or error.token.value
        known = [name for each in error.argument_collection for name in each.names if name.startswith("--")]
        where = ""
        if word.startswith("["):
            # A key of the file of --config.
            word, where = word[1:-1].replace("][", "."), error.token.source
            known = [name.removeprefix("--") for name in known]
        fix = _ON_DEVICES if _DEVICES.match(word) else _instead_of(word, known) or see
        what = f"an option of foretell {' '.join(_command_of(tokens))}"
        return str(UsageError(expected=what.rstrip(), found=f"'{word}'", where=where, fix=fix))
    if isinstance(error, cyclopts.UnusedCliTokensError) and error.unused_tokens:
        found, fix = f"'{error.unused_tokens[0]}' too", f"put a text in quotes, or {see}"
        return str(UsageError(expected="no further argument", found=found, fix=fix))
    missing = isinstance(error, cyclopts.MissingArgumentError) and not error.keyword
    if missing and error.argument is not None:
        name = error.argument.name
        other = next((token for token in tokens if _HABITS.get(token) == name), None)
        fix = see if other is None else f"did you mean {name}?"
        return str(UsageError(expected=name, found=f"'{other}'" if other else "nothing", fix=fix))
    message = " ".join(str(error).split()).replace("into float", "into a number")
    return f"{message.removesuffix('.')}; {see}"


def _unknown_command(error: UnknownCommandError, tokens: Sequence[str]) -> str:
    from foretell.cli.app import COMMANDS

    word = str((error.unused_tokens or tokens)[0])
    jobs = [name.removeprefix("train ") for name in COMMANDS if name.startswith("train ")]
    if _command_of(tokens) == ["train"]:
        fix = did_you_mean(word, jobs) or "say what to train: foretell train labels, or foretell train words"
        return str(UsageError(expected=" or ".join(jobs), found=f"'{word}'", where="train", fix=fix))
    names = ["train", *(name for name in COMMANDS if " " not in name), "--help", "--version"]
    fix = _instead_of(word, names) or "foretell --help lists them"
    return str(UsageError(expected="a command of foretell", found=f"'{word}'", fix=fix))


def _instead_of(word: str, known: Iterable[str]) -> str:
    usual = _HABITS.get(word)
    names = list(known)
    if usual is not None and (usual in names or " " in usual):
        return f"did you mean {usual}?"
    return did_you_mean(word, names)
