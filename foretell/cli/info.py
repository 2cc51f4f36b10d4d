"""The verb `info`: what is in a model directory, or what the presets are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from foretell.cli.models import open_model
from foretell.cli.output import aligned
from foretell.cli.train import figures
from foretell.config import LABELS_PRESETS, WORDS_PRESETS, Settings, to_dict
from foretell.errors import UsageError


def info(
    model: Annotated[str | None, Parameter(name="MODEL")] = None,
    /,
    *,
    presets: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Show a model directory, or the presets.

    Args:
        model: a model directory.
        presets: show every preset, each setting with its value.
    """
    if presets:
        print(f"{presets_text('words', WORDS_PRESETS)}\n\n{presets_text('labels', LABELS_PRESETS)}")
    elif model is None:
        raise UsageError(expected="a model directory or --presets", found="nothing", where="MODEL")
    else:
        print(model_text(model))


def presets_text(job: str, presets: dict[str, Any]) -> str:
    """Return a table of a job's presets: a row for each setting, a column for each preset."""
    kind: type[Settings] = type(next(iter(presets.values())))
    rows: list[tuple[object, ...]] = [(job, *presets, "")]
    for f in dataclasses.fields(kind):
        values = (_plain(getattr(settings, f.name)) for settings in presets.values())
        rows.append((f.name.replace("_", "-"), *values, f.metadata["help"]))
    return aligned(rows)


def model_text(model: str) -> str:
    """Return what is in a model directory: its job, figures, labels, settings and size."""
    opened = open_model(model)
    files = [path for path in Path(model).iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    head: list[tuple[str, object]] = [
        ("job", opened.job),
        ("preset", opened.preset),
        ("made by", f"foretell {opened.written_by or '?'}"),
        ("vocabulary", f"{opened.tokenizer.size:,}"),
        ("files", f"{size / 1e6:.1f} MB, every one as it was written"),
    ]
    if opened.labels:
        head.append(("labels", ", ".join(opened.labels)))
    settings = [(name.replace("_", "-"), _plain(value)) for name, value in to_dict(opened.settings).items()]
    blocks = [("", head), ("figures", figures(opened.metrics)), ("settings", settings)]
    return "\n\n".join(
        f"{title}\n{aligned(rows, indent=2)}" if title else aligned(rows) for title, rows in blocks if rows
    )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value}"
