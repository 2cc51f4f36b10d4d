"""The table of every setting, made from the settings themselves: `<!-- settings -->` stands for
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from commands_page import escaped

from foretell.cli.setting_flags import PURPOSES, SettingInfo, setting_infos

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from foretell.config import Job

MARK = "<!-- settings -->"
_JOBS: tuple[tuple[Job, str], ...] = (("labels", "TextClassifier"), ("words", "LanguageModel"))


def tables() -> str:
    """Return the settings of both jobs as Markdown, one table for each purpose."""
    blocks = []
    for job, name in _JOBS:
        blocks.append(f"## {name}")
        for purpose in PURPOSES:
            rows = [_row(info) for info in setting_infos(job) if info.purpose == purpose]
            if rows:
                head = "| setting | meaning | values | presets |\n|---|---|---|---|"
                blocks += [f"### {purpose.capitalize()} ({job})", "\n".join([head, *rows])]
    return "\n\n".join(blocks)


def _row(info: SettingInfo) -> str:
    values = (
        ", ".join(f"`{choice}`" for choice in get_args(info.hint))
        or info.range()
        or info.hint.__name__
    )
    return f"| `{info.name}` | {escaped(info.help)} | {values} | {info.preset_values()} |"


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    del app, name
    source[0] = source[0].replace(MARK, tables()) if MARK in source[0] else source[0]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
