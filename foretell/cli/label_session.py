"""The conversation of the command `label`: a text, an answer, the next text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foretell.annotation.keys import COMMANDS, keys_of
from foretell.cli.keyboard import Keyboard
from foretell.cli.label_metrics import metrics_text, status_text
from foretell.cli.output import excerpt, note, show
from foretell.readable import visible

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation, Item

_WORDS = ("skip", "none", "unclear")
_HELP = "  ".join(f"{key} {what}" for key, what in COMMANDS.items())
_FOUND = 50
_LISTED = 70
_SHORT = 12
"""Labels up to which all of them are listed below each text."""


class LabelSession:
    """Shows texts and takes answers until the input ends, `quit` is asked for, or no text is left.

    Args:
        annotation: the texts and answers.
        keyboard: where the answers come from.
    """

    def __init__(self, annotation: Annotation, keyboard: Keyboard) -> None:
        self._annotation, self._keyboard = annotation, keyboard
        self._keys = keys_of(annotation.labels)
        self._shown: int | None = None

    def run(self) -> None:
        """Take answers."""
        self._show_help()
        while True:
            # Who answers by hand does not wait for a fit; a program gets the same texts each time.
            item = self._annotation.next(fresh=not self._keyboard.is_terminal)
            if item is None:
                note("no text is left")
                return
            if item.id != self._shown:
                self._show(item)
            command = self._keyboard.key()
            if command is None or self._is_quit(command):
                return
            self._do(command.strip(), item)

    def _is_quit(self, command: str) -> bool:
        return command.strip() in ("q", "quit") and command.strip() not in self._annotation.labels

    def _do(self, command: str, item: Item) -> None:
        """Do what one command asks for."""
        if self._answer(command, [item], suggested=item.suggested):
            return
        verb, _, rest = command.partition(" ")
        if command.startswith("/"):
            verb, rest = "search", command[1:]
        verb = COMMANDS.get(verb, verb)
        if verb == "undo":
            undone = self._annotation.undo()
            note(f"undone: {len(undone)}" if undone else "nothing to undo")
            self._shown = None
        elif verb == "search":
            self._search(rest.strip())
        elif verb == "similar":
            self._label_many(self._annotation.similar(item))
        elif verb == "metrics":
            show(metrics_text(self._annotation))
        elif verb == "help":
            self._show_help()
        else:
            note(f"expected a key or a label, found {excerpt(visible(command), 30)!r}; ? lists the keys")

    def _answer(self, command: str, items: Sequence[Item], *, suggested: str | None = None) -> bool:
        """Record an answer about texts; return whether the command was one."""
        label = self._label(command, suggested)
        if label is not None:
            self._annotation.answer(items, label)
            self._told(label, len(items))
            return True
        verb = COMMANDS.get(command, command)
        if verb not in _WORDS:
            return False
        getattr(self._annotation, verb)(items)
        self._told(verb, len(items))
        return True

    def _label(self, command: str, suggested: str | None) -> str | None:
        """Return the label that a command means: its name, its key, or Enter for the suggested one."""
        if command in self._annotation.labels:
            return command
        if not command:
            return suggested
        if command.startswith(":") and self._keyboard.is_terminal:
            return self._typed_label()
        return self._keys.get(command)

    def _typed_label(self) -> str | None:
        """Ask for a label by the beginning of its name."""
        typed = (self._keyboard.line("label: ") or "").strip()
        found = [label for label in self._annotation.labels if label.startswith(typed)] if typed else []
        if typed in found or len(found) == 1:
            return typed if typed in found else found[0]
        if typed:
            note("no label begins so" if not found else f"several: {', '.join(found)[:300]}")
        return None

    def _told(self, what: str, count: int) -> None:
        if count > 1 or self._keyboard.is_terminal:
            note(f"{what}{f' ({count} texts)' if count > 1 else ''}")

    def _search(self, query: str) -> None:
        words = query or (self._keyboard.line("search: ") or "").strip()
        if words:
            self._label_many(self._annotation.search(words, k=_FOUND))

    def _label_many(self, items: list[Item]) -> None:
        """List texts, and label all of them at once if asked to."""
        while items:
            for number, item in enumerate(items, start=1):
                show(f"{number:>4}  {excerpt(item.text, _LISTED)}")
            prompt = f"label all {len(items)} (key or name; -2 5 leaves out 2 and 5; Enter: go back): "
            command = (self._keyboard.line(prompt) or "").strip()
            if not command or self._answer(command, items):
                break
            numbers = {int(word) for word in command.lstrip("-").split() if word.isdecimal()}
            if not command.startswith("-") or not numbers:
                note("expected a key, a label, or -NUMBERS")
                break
            items = [item for number, item in enumerate(items, start=1) if number not in numbers]
        else:
            note("no text without an answer found")
        self._shown = None

    # ---- what is shown

    def _show(self, item: Item) -> None:
        self._shown = item.id
        if self._keyboard.is_terminal:
            note(f"\n{status_text(self._annotation)}")
        show(f"\n{item.text}\n")
        if item.suggested is not None and item.probability is not None:
            show(f"suggested: {item.suggested} ({item.probability:.2f}), Enter accepts")
        if len(self._annotation.labels) <= _SHORT and self._keyboard.is_terminal:
            show("  ".join(f"{key} {label}" for key, label in self._keys.items()))

    def _show_help(self) -> None:
        keyed = [f"{key} {label}" for key, label in self._keys.items()]
        rest = [f": {label}" for label in self._annotation.labels[len(keyed) :]]
        note("labels: " + "  ".join([*keyed, *rest]))
        note(f"others: {_HELP}  : label by name" if self._keyboard.is_terminal else f"others: {_HELP}")
