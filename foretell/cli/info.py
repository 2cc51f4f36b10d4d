"""The command `info`: a model directory, or the presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from foretell.cli.inputs import open_model
from foretell.cli.options import AS_TEXT, Name, OutputOptions, expect
from foretell.cli.output import Writer, aligned, listed, show
from foretell.cli.setting_flags import setting_infos
from foretell.config import Job
from foretell.metrics.shown import rows_of
from foretell.readable import megabytes, plain

JOBS: tuple[Job, ...] = ("words", "labels")


def info(
    model: Name | None = None,
    /,
    *,
    presets: bool = False,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Show a model directory or the presets.

    Args:
        model: Model directory.
        presets: Show the value of each setting in each preset; jsonl and csv also say what it does.
    """
    format = output.chosen()
    found = "both" if presets else "neither"
    expect((model is None) == presets, "a model directory or --presets", found, where="MODEL")
    if model is not None:
        record = open_model(model).record()
        columns = [name for name, value in record.items() if not isinstance(value, dict)]
        Writer(format, columns).write(record, model_text(record))
        return
    blocks = list[str]()
    records = list[dict[str, object]]()
    for job in JOBS:
        infos = setting_infos(job)
        rows = [(each.name.replace("_", "-"), *map(plain, each.presets.values())) for each in infos]
        blocks.append(aligned([(job, *infos[0].presets), *rows]))
        records += [
            {
                "job": job,
                "name": each.name,
                "help": each.help,
                "range": each.range(),
                **each.presets,
            }
            for each in infos
        ]
    if format == "text":
        show("\n\n".join(blocks))
        return
    writer = Writer(format, list(dict.fromkeys(name for record in records for name in record)))
    for record in records:
        writer.write(record)


def model_text(record: Mapping[str, object]) -> str:
    """Return what `Model.record` has, for people."""
    metrics = cast("dict[str, object]", record["metrics"])
    settings = cast("dict[str, bool | float | str]", record["settings"])
    head = []
    for name, value in record.items():
        if value and not isinstance(value, dict):
            if isinstance(value, list):
                value = ", ".join(value)
            elif isinstance(value, int) and name.endswith("bytes"):
                value = megabytes(value)
            head.append((name.replace("_", " ").replace("bytes", "size"), value))
    blocks = [listed(head)]
    if rows := rows_of(metrics):
        blocks.append(f"metrics\n{listed(rows, indent=2)}")
    values = ((name.replace("_", "-"), plain(value)) for name, value in settings.items())
    blocks.append(f"settings\n{listed(values, indent=2)}")
    return "\n\n".join(blocks)
