"""The command `info`: a model directory, or the presets."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from foretell.artifacts import manifest
from foretell.cli.inputs import open_model
from foretell.cli.options import AS_TEXT, Output
from foretell.cli.output import Format, Writer, aligned, listed, megabytes, show
from foretell.cli.setting_flags import SettingInfo, plain, setting_infos
from foretell.config import Job, to_dict
from foretell.errors import UsageError
from foretell.hub.client import address_of
from foretell.metrics.shown import rows_of

if TYPE_CHECKING:
    from foretell.artifacts.model import Model

JOBS: tuple[Job, ...] = ("words", "labels")


def info(
    model: Annotated[str | None, Parameter(name="MODEL")] = None,
    /,
    *,
    presets: bool = False,
    output: Output = AS_TEXT,
) -> None:
    """Show a model directory or the presets.

    Args:
        model: Model directory.
        presets: Show the value of each setting in each preset; jsonl and csv also have its range and what it
            does.
    """
    format = output.chosen()
    if (model is not None) == presets:
        raise UsageError(
            expected="a model directory or --presets", found="both" if presets else "neither", where="MODEL"
        )
    if model is not None:
        opened = open_model(model)
        record = model_record(opened)
        columns = [name for name, value in record.items() if not isinstance(value, dict)]
        Writer(format, columns).write(record, model_text(opened))
    elif format == "text":
        show("\n\n".join(map(_presets_text, JOBS)))
    else:
        _write_settings(format)


def _presets_text(job: Job) -> str:
    """Return a table of the presets of a job: a row for each setting, a column for each preset."""
    infos = setting_infos(job)
    rows = [(each.name.replace("_", "-"), *map(plain, each.presets.values())) for each in infos]
    return aligned([(job, *infos[0].presets), *rows])


def _write_settings(format: Format) -> None:
    infos = [each for job in JOBS for each in setting_infos(job)]
    names = list(dict.fromkeys(name for each in infos for name in each.presets))
    columns = [f.name for f in dataclasses.fields(SettingInfo) if f.name not in ("choices", "presets")]
    writer = Writer(format, [*columns, "choices", *names])
    for each in infos:
        record = dataclasses.asdict(each)
        writer.write(record if format == "jsonl" else {**record, **each.presets})


def model_record(opened: Model) -> dict[str, object]:
    """Return what is in a model directory: its job, vocabulary, size, labels, metrics and settings."""
    teacher = (manifest.TEACHER_GRAPH, manifest.TEACHER_TOKENIZER, manifest.TEACHER)
    sizes = [opened.files[name].size for name in teacher if name in opened.files]
    address = address_of(opened.directory)
    return {
        "path": str(opened.directory),
        "hub": None if address is None else str(address),
        "job": opened.job,
        "preset": opened.preset,
        "foretell": opened.written_by,
        "vocabulary": opened.tokenizer.size,
        "bytes": sum(file.stat().st_size for file in opened.directory.iterdir() if file.is_file()),
        "teacher_bytes": sum(sizes) or None,
        "ancestors": list(opened.ancestors),
        "labels": list(opened.labels or ()),
        "metrics": opened.metrics,
        "settings": to_dict(opened.settings),
    }


def model_text(opened: Model) -> str:
    """Return what is in a model directory, for people."""
    record = model_record(opened)
    unit = "tokens" if opened.tokenizer.is_open else "words"
    head: list[tuple[str, object]] = [
        ("job", opened.job),
        ("preset", opened.preset),
        ("made by", f"foretell {record['foretell'] or '(unknown version)'}"),
        ("vocabulary", f"{opened.tokenizer.size:,} {unit}"),
        ("files", f"{megabytes(cast(int, record['bytes']))}, verified"),
    ]
    if record["hub"]:
        head.append(("from the Hub", record["hub"]))
    if size := record["teacher_bytes"]:
        name = (opened.metrics.get("teacher") or {}).get("name", "an encoder")
        head.append(("kept teacher", f"{name}, {megabytes(cast(int, size))}: reads each text"))
    if opened.ancestors:
        head.append(("continues", ", ".join(each[:12] for each in opened.ancestors)))
    if opened.labels:
        head.append(("labels", ", ".join(opened.labels)))
    settings = [(name.replace("_", "-"), plain(value)) for name, value in to_dict(opened.settings).items()]
    blocks = [listed(head), f"settings\n{listed(settings, indent=2)}"]
    if rows := rows_of(opened.metrics):
        blocks.insert(1, f"metrics\n{listed(rows, indent=2)}")
    return "\n\n".join(blocks)
