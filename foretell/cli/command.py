"""What the command line knows about one command before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from cyclopts import Group

TRAIN = Group("Train", sort_key=1)
LABELS = Group("Predict with a model for labels", sort_key=2)
WORDS = Group("Predict with a model for words", sort_key=3)
USE = Group("Use any model", sort_key=4)
LOOK = Group("Look up", sort_key=5)


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        code: "module:function" under foretell.cli.
        arguments: what follows the command, as the usage line shows it.
        help: one sentence, verb first, for the list of commands and for the command's own help.
        more: paragraphs for the command's own help.
        examples: shell commands that work as they are; a test runs each.
        group: of the list of commands.
    """

    code: str
    help: str
    examples: tuple[str, ...]
    arguments: str = ""
    more: tuple[str, ...] = ()
    group: Group = TRAIN
