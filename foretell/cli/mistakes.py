"""Arguments that no command takes: one line that says what was wrong, and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.installation import command
from foretell.names import SETTINGS, WITHOUT
from foretell.readable import did_you_mean

if TYPE_CHECKING:
    from cyclopts import CycloptsError, MissingArgumentError, UnknownOptionError

_COMMANDS = {
    "help": "--help",
    "version": "--version",
    "-V": "--version",
    "predict": "classify",
    "fit": "train",
    "eval": "evaluate",
    "test": "evaluate",
    "generate": "complete",
    "annotate": "label",
}
"""Words of other tools for commands."""

_OPTIONS = {
    "--threshold": "--abstain-below",
    "--output": "--out",
    "-o": "--out",
    "--force": "--overwrite",
    "--input": "--input-format",
    "--max-length": "--words",
    "--max-new-tokens": "--max-tokens",
    **{
        f"--{theirs.replace('_', '-')}": f"--{ours.replace('_', '-')}"
        for theirs, ours in SETTINGS.items()
    },
}
"""Words of other tools for options; each is offered where the command has the option."""

_DEVICES = re.compile(r"--?(gpus?|cuda|device|tpu|cpu)\b", re.IGNORECASE)
_ON_DEVICES = (
    "leave it out: a GPU is used wherever TensorFlow finds one, foretell doctor --train lists what "
    "it finds, and docs/devices.md explains it"
)


def wrong_usage(error: CycloptsError, tokens: Sequence[str]) -> str:
    """Return the line for arguments that cyclopts does not take: its message, and what to do."""
    fix = _meant(error, tokens) or _help_of(error, tokens)
    return f"{_message(error)}; {fix}"


def _message(error: CycloptsError) -> str:
    """Return what cyclopts says, without the names that it offers: they can be far off."""
    message = " ".join(str(error).split()).replace("into float", "into a number")
    message = re.sub(
        r"^Unused Tokens: \[(.*)\]\.?$", r"expected no further argument, found \1", message
    )
    message = re.sub(r" Did you mean [^?]*\?", "", message)
    # A list that is cut off helps less than the help.
    return re.sub(r" Available commands: .* \.\.\.?$", "", message).removesuffix(".")


def _help_of(error: CycloptsError, tokens: Sequence[str]) -> str:
    import cyclopts

    words = [word for word in tokens[: 1 + (tokens[:1] == ["train"])] if not word.startswith("-")]
    if isinstance(error, cyclopts.UnknownCommandError):
        words = words[:-1]
    see = f"see {command(*words, '--help')}"
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return f"put a text in quotes, or {see}"
    if isinstance(error, cyclopts.UnknownOptionError) and " " in _word_of(error):
        return f"put -- before a text that begins with -, or {see}"
    if isinstance(error, cyclopts.UnknownOptionError) and Path(_word_of(error)).is_file():
        return f"name the file as ./{_word_of(error)}"
    return see


def _meant(error: CycloptsError, tokens: Sequence[str]) -> str:
    """Return what was meant, where a word of another tool or a near spelling shows it; else ""."""
    import cyclopts

    word = _word_of(error)
    if _DEVICES.match(word):
        return _ON_DEVICES
    if word == "--n-jobs":
        return WITHOUT["n_jobs"]
    if isinstance(error, cyclopts.UnknownCommandError):
        return _offered(word, _COMMANDS, error.app or ())
    if isinstance(error, cyclopts.UnknownOptionError):
        return _meant_option(error, word)
    if isinstance(error, cyclopts.MissingArgumentError):
        return _meant_missing(error, tokens)
    if isinstance(error, cyclopts.UnusedCliTokensError) and tokens[:1] == [word]:
        return _offered(word, _COMMANDS, ())
    return ""


def _meant_option(error: UnknownOptionError, word: str) -> str:
    names = [name for each in error.argument_collection or () for name in each.names]
    if word.startswith("["):
        # A key of the file of --config.
        keys = [name.lstrip("-") for name in names]
        return did_you_mean(word.strip("[]").replace("_", "-"), keys)
    there = {theirs: ours for theirs, ours in _OPTIONS.items() if ours in names}
    return _offered(word, _COMMANDS | there, [*names, "--version"])


def _meant_missing(error: MissingArgumentError, tokens: Sequence[str]) -> str:
    """Return the option that is missing, where another name of it was given."""
    if error.argument is None:
        return ""
    name = error.argument.name
    is_given = any(_OPTIONS.get(token.partition("=")[0]) == name for token in tokens)
    return f"did you mean {name}?" if is_given else ""


def _offered(word: str, others: dict[str, str], known: Iterable[str]) -> str:
    """Return the known name for a word of another tool, or one of nearly the same spelling."""
    return f"did you mean {others[word]}?" if word in others else did_you_mean(word, known)


def _word_of(error: CycloptsError) -> str:
    """Return the argument that cyclopts does not take."""
    token = getattr(error, "token", None)
    if token is not None:
        return str(token.keyword or token.value).partition("=")[0]
    return str((error.unused_tokens or [""])[0])
