"""Every setting of both jobs as a flag of `tune`: a setting that is given is fixed, and not searched."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from cyclopts import Group, Parameter

from foretell.cli.option_sources import PREFIX
from foretell.cli.options import rare, whole_number
from foretell.cli.output import note
from foretell.cli.setting_flags import SettingInfo, given, setting_infos
from foretell.config import Job, LabelsSettings, WordsSettings

FIXED = Group("Settings that are fixed, and not searched", sort_key=20)
# `--minutes` is the time limit of the whole search.
_NOT_FIXED = frozenset({"minutes"})
_JOBS: dict[Job, str] = {"labels": "a classifier", "words": "a language model"}


def _fixed_settings() -> type:
    """Return a dataclass with the settings of both jobs, each a flag that is None where it is not given."""
    infos: dict[str, list[SettingInfo]] = {}
    for job in _JOBS:
        for info in setting_infos(job):
            if info.name not in _NOT_FIXED:
                infos.setdefault(info.name, []).append(info)
    fields = [
        (name, Annotated[_hint(each) | None, _flag(each)], dataclasses.field(default=None))
        for name, each in infos.items()
    ]
    # Without a module of our own, the class would count as one of Python's, which have no flags.
    options = dataclasses.make_dataclass(
        "FixedSettings", fields, namespace={"__module__": __name__}, frozen=True, kw_only=True
    )
    return Parameter(name="*")(options)


def _hint(infos: list[SettingInfo]) -> Any:
    """Return the type of a setting; of a choice the values of both jobs."""
    kinds = {"labels": LabelsSettings, "words": WordsSettings}
    hints = [get_type_hints(kinds[info.job])[info.name] for info in infos]
    if not infos[0].choices:
        return hints[0]
    return Literal[tuple(dict.fromkeys(value for hint in hints for value in get_args(hint)))]


def _flag(infos: list[SettingInfo]) -> Parameter:
    info, only = infos[0], ""
    if len(infos) == 1:
        only = f" Only for {_JOBS[info.job]}."
    return Parameter(
        help=f"{info.help}{only}",
        group=rare(FIXED),
        show_default=False,
        metavar="N" if info.type in ("int", "float") else None,
        converter=whole_number if info.type == "int" else None,
    )


if TYPE_CHECKING:
    FixedSettings = object
else:
    FixedSettings = _fixed_settings()


def fixed_settings(options: object, job: Job) -> dict[str, Any]:
    """Return the settings that were given and that the job has; a note names flags without effect."""
    every = given(options)
    known = {info.name for info in setting_infos(job)}
    others = [name for name in every if name not in known and f"{PREFIX}{name.upper()}" not in os.environ]
    if others:
        note(f"without effect on {_JOBS[job]}: {', '.join(sorted(others))}")
    return {name: value for name, value in every.items() if name in known}
