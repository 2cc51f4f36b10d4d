"""The reference of the command line, made from the commands themselves: `<!-- commands -->` stands
for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from foretell.cli.app import COMMANDS, Command, help_entries, make_app
from foretell.cli.options import RARE

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions
    from rich.text import Text
    from sphinx.application import Sphinx

MARK = "<!-- commands -->"


class MarkdownFormatter:
    """Collects what cyclopts would print as help: one Markdown list for each group of options."""

    def __init__(self) -> None:
        self.blocks: list[str] = []

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Add one group of arguments or options."""
        del console, options
        rows = [_row(entry) for entry in help_entries(panel)]
        if rows:
            title = str(panel.title).removesuffix(RARE).strip()
            # The less common options of a group follow the common ones, under the same title.
            if f"**{title}**" not in self.blocks:
                self.blocks.append(f"**{title}**")
            self.blocks.append(
                "\n".join(f"`{name}`\n: {escaped(text) or '–'}\n" for name, text in rows)
            )

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Text) -> None:
        """Add the usage line."""
        del console, options
        self.blocks.append(f"```text\n{str(usage).strip()}\n```")

    def render_description(
        self, console: Console, options: ConsoleOptions, description: object
    ) -> None:
        """Skip the description: its paragraphs come from the command."""


def reference() -> str:
    """Return every command with its arguments, options and examples as Markdown."""
    return "\n\n".join(_section(words, command) for words, command in COMMANDS.items())


def _section(words: str, command: Command) -> str:
    from rich.console import Console

    app = make_app(all_options=True)
    formatter = MarkdownFormatter()
    # The formatter of a command is that of the app, unless it has its own.
    app.help_formatter = formatter
    app.help_print(words.split(), console=Console(quiet=True))
    examples = "\n".join(command.examples)
    usage, *groups = formatter.blocks
    return "\n\n".join(
        [
            f"## foretell {words}",
            *(escaped(text) for text in (command.help, *command.more)),
            usage,
            *groups,
            f"```sh\n{examples}\n```",
        ]
    )


def _row(entry: HelpEntry) -> tuple[str, str]:
    """Return an option or an argument as its name with its value, and its description."""
    facts = [entry.description]
    facts += [f"[{', '.join(entry.choices)}]"] if entry.choices else []
    facts += [f"[default: {entry.default}]"] if entry.default is not None else []
    facts += ["[required]"] if entry.required and entry.positional_label is None else []
    return " ".join(entry.display_labels_with_metavar), " ".join(filter(None, facts))


def escaped(text: str) -> str:
    """Return plain text as Markdown that shows it as it is; options and file names become code."""
    text = re.sub(r"([\\`*_\[\]<>{}$])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![\w-])(--?[a-z][a-z-]*)", r"`\1`", text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    del app, name
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, reference())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
