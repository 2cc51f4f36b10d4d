"""The command `info`: a model directory, the presets, or every setting."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.artifacts import manifest
from foretell.cli.inputs import open_model
from foretell.cli.options import AS_TEXT, Output, Switch
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
    presets: Switch = False,
    settings: Switch = False,
    output: Output = AS_TEXT,
) -> None:
    """Show a model directory, the presets, or every setting.

    Args:
        model: Model directory.
        presets: Show the value of each setting in each preset.
        settings: Show every setting of both jobs, with its range, its values in the presets, and what it
            does.
    """
    format = output.chosen()
    if [model is not None, presets, settings].count(True) != 1:
        raise UsageError(
            expected="one of: a model directory, --presets, --settings",
            found="none of them" if model is None and not presets and not settings else "several of them",
            where="MODEL",
        )
    if model is not None:
        _write_model(open_model(model), format)
    elif format != "text":
        _write_settings(format)
    elif presets:
        show("\n\n".join(presets_text(job) for job in JOBS))
    else:
        show("\n\n".join(settings_text(job) for job in JOBS))


def presets_text(job: Job) -> str:
    """Return a table of the presets of a job: a row for each setting, a column for each preset."""
    infos = setting_infos(job)
    rows = [(each.flag.removeprefix("--"), *map(plain, each.presets.values())) for each in infos]
    return aligned([(job, *infos[0].presets), *rows])


def settings_text(job: Job) -> str:
    """Return every setting of a job, with what it does, its range and its values in the presets."""
    from foretell.cli.help import two_columns

    lines = [f"{job}: options of foretell train {job}"]
    purpose = None
    for each in setting_infos(job):
        if each.purpose != purpose:
            purpose = each.purpose
            lines += ["", purpose.capitalize()]
        lines += two_columns([(_with_values(each), each.flag_help())], _width())
    return "\n".join(lines)


def _with_values(setting: SettingInfo) -> str:
    if setting.type == "bool":
        return f"--[no-]{setting.flag.removeprefix('--')}"
    return f"{setting.flag} {'|'.join(setting.choices) or 'N'}"


def _width() -> int:
    import shutil

    from foretell.cli.help import MAX_WIDTH

    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def _write_settings(format: Format) -> None:
    infos = [each for job in JOBS for each in setting_infos(job)]
    names = list(dict.fromkeys(name for each in infos for name in each.presets))
    columns = [f.name for f in dataclasses.fields(SettingInfo) if f.name not in ("choices", "presets")]
    writer = Writer(format, [*columns, "choices", *names])
    for each in infos:
        record = dataclasses.asdict(each)
        if format != "jsonl":
            record |= record.pop("presets")
        writer.write(record, "")


def _write_model(opened: Model, format: Format) -> None:
    if format == "text":
        show(model_text(opened))
        return
    record = model_record(opened)
    columns = [name for name, value in record.items() if not isinstance(value, dict)]
    Writer(format, columns).write(record, "")


def model_record(opened: Model) -> dict[str, object]:
    """Return what is in a model directory: its job, vocabulary, size, labels, metrics and settings."""
    return {
        "path": str(opened.directory),
        "hub": None if (address := address_of(opened.directory)) is None else str(address),
        "job": opened.job,
        "preset": opened.preset,
        "foretell": opened.written_by,
        "vocabulary": opened.tokenizer.size,
        "bytes": _size(opened.directory),
        "teacher_bytes": _teacher_size(opened),
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
        ("files", f"{megabytes(_size(opened.directory))}, verified"),
    ]
    if record["hub"]:
        head.append(("from the Hub", record["hub"]))
    if size := _teacher_size(opened):
        name = (opened.metrics.get("teacher") or {}).get("name", "an encoder")
        head.append(("kept teacher", f"{name}, {megabytes(size)}: reads each text"))
    if opened.ancestors:
        head.append(("continues", ", ".join(each[:12] for each in opened.ancestors)))
    if opened.labels:
        head.append(("labels", ", ".join(opened.labels)))
    settings = [(name.replace("_", "-"), plain(value)) for name, value in to_dict(opened.settings).items()]
    blocks = [listed(head), f"settings\n{listed(settings, indent=2)}"]
    if rows := rows_of(opened.metrics):
        blocks.insert(1, f"metrics\n{listed(rows, indent=2)}")
    return "\n\n".join(blocks)


def _teacher_size(opened: Model) -> int | None:
    """Return the bytes of a kept teacher's files; None: the model keeps none."""
    names = (manifest.TEACHER_GRAPH, manifest.TEACHER_TOKENIZER, manifest.TEACHER)
    sizes = [opened.files[name].size for name in names if name in opened.files]
    return sum(sizes) if sizes else None


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
