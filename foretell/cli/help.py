"""How help is laid out: the options of each group in two columns, wrapped for the width of the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from foretell.cli.options import RARE

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

MAX_WIDTH = 100
"""Longer lines are hard to read."""

_INDENT = 2
_NAMES = 24
_GAP = 2
# Values whose names in Python mean little to most people.
_METAVARS = {"INT": "N", "FLOAT": "N", "STR": "TEXT", "PATH": "PATH"}
_NO_DEFAULT = frozenset({"False", "None", "()", '""'})


class HelpFormatter:
    """Prints the help of a command for cyclopts.

    Args:
        all_options: whether less common options are shown too.
    """

    def __init__(self, *, all_options: bool) -> None:
        self._all_options = all_options

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one group of options, arguments or commands."""
        del options
        title = str(panel.title)
        is_rare = title.endswith(RARE)
        rows = [row(entry) for entry in panel.entries if "--help" not in entry.positive_names]
        if not rows or (is_rare and not self._all_options):
            return
        if not is_rare:
            console.print()
            console.print(title, style="bold", markup=False, highlight=False)
        for line in two_columns(rows, min(console.width, MAX_WIDTH)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Text) -> None:
        """Print the usage line."""
        del options
        console.print(f"Usage: {str(usage).strip()}\n", markup=False, highlight=False, soft_wrap=True)

    def render_description(self, console: Console, options: ConsoleOptions, description: object) -> None:
        """Print what the command does."""
        del options
        text = _plain_text(description)
        width = min(console.width, MAX_WIDTH)
        console.print(paragraphs(text, width), markup=False, highlight=False, soft_wrap=True)


def row(entry: HelpEntry) -> tuple[str, str]:
    """Return an option, an argument or a command as its name with its value, and its description."""
    details = [_plain_text(entry.description)]
    if entry.required and entry.positional_label is None:
        details.append("[required]")
    elif entry.default is not None and entry.default not in _NO_DEFAULT:
        details.append(f"[default {_default(entry.default)}]")
    return _label(entry), " ".join(filter(None, details))


def two_columns(rows: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Return rows of name and description as lines; a long name has a line of its own."""
    start = _INDENT + _NAMES + _GAP
    lines = []
    for name, description in rows:
        wrapped = textwrap.wrap(description, max(20, width - start), break_on_hyphens=False) or [""]
        if len(name) > _NAMES:
            lines.append(" " * _INDENT + name)
            first = " " * start + wrapped[0]
        else:
            first = f"{' ' * _INDENT}{name:<{_NAMES}}{' ' * _GAP}{wrapped[0]}"
        lines += [first.rstrip(), *(" " * start + line for line in wrapped[1:])]
    return lines


def paragraphs(text: str, width: int) -> str:
    """Return `text` with each of its paragraphs wrapped; an empty line separates two."""
    return "\n\n".join(
        textwrap.fill(" ".join(part.split()), width, break_on_hyphens=False) for part in text.split("\n\n")
    )


def examples_text(examples: Sequence[str], width: int = 80) -> str:
    """Return shell commands as lines; a long one is continued, so that it can still be copied."""
    return "\n".join(["Examples", *(line for example in examples for line in _continued(example, width - 4))])


def _continued(command: str, width: int) -> list[str]:
    """Return a shell command as lines of at most `width`, cut between its words."""
    lines = [" "]
    for word in re.findall(r'"[^"]*"|\S+', command):
        if len(lines[-1]) + 1 + len(word) > width:
            lines[-1] += " \\"
            lines.append(" " * 5)
        lines[-1] += f" {word}"
    return lines


def _label(entry: HelpEntry) -> str:
    if entry.positional_label is not None:
        return entry.positional_label
    names = [*entry.positive_shorts, *entry.positive_names]
    if entry.negative_names:
        names[-1] = f"--[no-]{names[-1].removeprefix('--')}"
    return " ".join(filter(None, (", ".join(names), _metavar(entry))))


def _metavar(entry: HelpEntry) -> str:
    if entry.choices:
        return "|".join(entry.choices)
    metavar = entry.metavar or ""
    # What can be given several times is said in words.
    return _METAVARS.get(metavar.removesuffix("..."), metavar.removesuffix("..."))


def _default(value: str) -> str:
    return {"True": "on"}.get(value, value.removesuffix(".0"))


def _plain_text(description: object) -> str:
    # With help_format="plaintext", cyclopts wraps each text into an object that holds a rich Text.
    text = getattr(description, "primary_renderable", description)
    return str(getattr(text, "plain", text or "")).strip()
