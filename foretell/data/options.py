"""How to read a source: which columns, which part, and how the caller's interface spells its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "valid", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """How the interface that was called spells its arguments, so that errors give advice in its terms.

    Each attribute is a template with `{}` for the value, or None where the interface has no such argument.

    >>> Arguments(text="--text {}").choose("text")
    'name it with --text COLUMN'
    >>> Arguments(label=None).choose("label")
    "rename the column to 'label'"

    Attributes:
        text: the argument for the text column.
        label: the argument for the label column.
        format: the argument for the format of the input.
    """

    text: str | None = "text='{}'"
    label: str | None = "label='{}'"
    format: str | None = "format='{}'"

    def spell(self, argument: Literal["text", "label", "format"], value: str) -> str | None:
        """Return an argument with its value as the user would write it, or None where there is none."""
        template = {"text": self.text, "label": self.label, "format": self.format}[argument]
        return None if template is None else template.format(value)

    def choose(self, column: Literal["text", "label"]) -> str:
        """Return the advice for a column that has to be named."""
        spelled = self.spell(column, "COLUMN")
        return f"rename the column to '{column}'" if spelled is None else f"name it with {spelled}"


PYTHON = Arguments()
"""The arguments of `read_examples` and of the other readers here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What to read from a source.

    Attributes:
        text: the name of the text column; None: chosen where it is clear.
        label: the name of the label column; None: chosen where it is clear.
        need_label: whether a source without labels is an error.
        part: the part of a source that is divided into parts; None: the source's own choice.
        arguments: how the caller's interface spells its arguments.
        several_labels: whether a text may have several labels, so that a list is no error.
    """

    text: str | None = None
    label: str | None = None
    need_label: bool = False
    part: Part | None = None
    arguments: Arguments = PYTHON
    several_labels: bool = False

    @property
    def names_columns(self) -> bool:
        """Whether the caller named a column."""
        return self.text is not None or self.label is not None
