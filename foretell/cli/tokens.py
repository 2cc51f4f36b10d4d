"""The arguments of the process before they are parsed: options of every command, and "-"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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


def command_of(tokens: Sequence[str]) -> str:
    """Return the words that name the command: "train words" of `train words notes.txt`, or ""."""
    words = tokens[:2] if "train" in tokens[:1] else tokens[:1]
    return " ".join(word for word in words if not word.startswith("-"))
