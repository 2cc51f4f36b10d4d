"""Every setting of a job as a flag, with a help text made of its metadata and of the presets'
values.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from cyclopts import Group, Parameter

from foretell.cli.options import rare
from foretell.config import Job, Purpose
from foretell.presets import PRESETS
from foretell.readable import plain

PURPOSES: tuple[Purpose, ...] = ("time", "text", "model", "learning", "validation", "ensemble")
_GROUPS = {
    purpose: Group(purpose.capitalize(), sort_key=10 + i) for i, purpose in enumerate(PURPOSES)
}


@dataclass(frozen=True, kw_only=True)
class SettingInfo:
    """One setting of one job, as help texts and `foretell info --presets` show it.

    Attributes:
        name: as Python, TOML and config.json spell it.
        hint: its type; that of a choice is a `Literal`.
        presets: preset to value.
        purpose, common, help, low, high: see `foretell.config.setting`.
    """

    name: str
    hint: type
    presets: dict[str, bool | int | float | str]
    purpose: Purpose
    common: bool
    help: str
    low: float | None
    high: float | None

    def range(self) -> str:
        """Return the range in words, or "" where every value is allowed."""
        if get_args(self.hint) or self.low is None:
            return ""
        if self.high is None:
            return f"{plain(self.low)} or more"
        return f"{plain(self.low)} to {plain(self.high)}"

    def preset_values(self) -> str:
        """Return the values of the presets: "quick 1.5 · base 15"; "default 1" where all have one
        value.
        """
        names: dict[str, list[str]] = {}
        for name, value in self.presets.items():
            names.setdefault(plain(value) or "none", []).append(name)
        if len(names) == 1:
            return f"default {next(iter(names))}"
        return " · ".join(f"{', '.join(presets)} {value}" for value, presets in names.items())

    def flag(self) -> Parameter:
        group = _GROUPS[self.purpose]
        if not self.common:
            group = rare(group)
        negative: tuple[str, ...] = ()
        if self.hint is bool:
            negative = (f"--no-{self.name.replace('_', '-')}",)
        values = "; ".join(filter(None, (self.range(), self.preset_values())))
        return Parameter(
            help=f"{self.help} [{values}]", group=group, negative=negative, show_default=False
        )


def setting_infos(job: Job) -> tuple[SettingInfo, ...]:
    """Return every setting of a job, in the order of their purposes, the common ones of each
    first.
    """
    presets = PRESETS[job]
    hints = get_type_hints(type(presets["base"]))
    infos = [
        SettingInfo(
            name=f.name,
            hint=hints[f.name],
            presets={name: getattr(preset, f.name) for name, preset in presets.items()},
            **f.metadata,
        )
        for f in dataclasses.fields(presets["base"])
    ]
    return tuple(sorted(infos, key=lambda info: (PURPOSES.index(info.purpose), not info.common)))


def _options_of(job: Job) -> type:
    """Return a dataclass with the settings of a job, each a flag that is None where it is not
    given.
    """
    fields = [
        (info.name, Annotated[info.hint | None, info.flag()], dataclasses.field(default=None))
        for info in setting_infos(job)
    ]
    # Without a module of our own, the class would count as one of Python's, which have no flags.
    options = dataclasses.make_dataclass(
        f"{job.capitalize()}Options",
        fields,
        namespace={"__module__": __name__},
        frozen=True,
        kw_only=True,
    )
    return Parameter(name="*")(options)


if TYPE_CHECKING:
    WordsOptions = object
    LabelsOptions = object
else:
    WordsOptions = _options_of("words")
    LabelsOptions = _options_of("labels")


def given(options: object) -> dict[str, Any]:
    """Return the settings that were given: the fields of an options dataclass that are not None."""
    if options is None:
        return {}
    return {name: value for name, value in vars(options).items() if value is not None}
