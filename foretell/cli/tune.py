"""The command `tune`: search the settings of a training, and keep the best model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from foretell.cli.options import ANY_RECORDS, AS_TEXT, DATA, LabelledInput, Output, Whole
from foretell.cli.output import Format, Writer, aligned, note
from foretell.cli.training import RUN, Started
from foretell.cli.tune_flags import FixedSettings, fixed_settings
from foretell.presets import DEFAULT_PRESET
from foretell.readable import duration

if TYPE_CHECKING:
    from foretell.tuning.result import Tuned

SEARCH = Group("Search", sort_key=2)
_COLUMNS = (
    "number", "state", "value", "changes", "seconds", "size_mb", "ms", "is_limited", "error",
)  # fmt: skip
_SHOWN = 5


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Sources:
    """Data beside DATA.

    Attributes:
        valid: Compare the trials on this data instead of on a part of DATA.
        unlabelled: Also learn from these texts without labels: a file, a folder, or imdb. May be given
            several times.
        vectors: Use word vectors from other texts: a file, or glove. See docs/outside-knowledge.md.
    """

    valid: Annotated[str | None, Parameter(metavar="DATA")] = None
    unlabelled: Annotated[tuple[str, ...], Parameter(negative=(), metavar="TEXTS", show_default=False)] = ()
    vectors: Annotated[str | None, Parameter(metavar="FILE|glove")] = None


@Parameter(name="*", group=SEARCH)
@dataclass(frozen=True, kw_only=True)
class Searching:
    """What is optimized, and within which limits.

    Attributes:
        metric: Optimize this validation figure. perplexity is of a language model, and DATA is then plain
            text; the others are of a classifier.
        preset: Start from the values of this preset; the first trial is the preset.
        max_model_mb: Choose among models of at most N megabytes.
        max_ms: Choose among models that predict in at most N milliseconds, on one thread of this machine.
        workers: Train N trials at a time, each on its share of the processors. Without it, half as many as
            there are processors.
        trials: Stop after N trials, those of earlier commands included. Without it, the time decides.
        cluster: Run the trials on Ray: local starts a cluster on this machine, auto uses the one that Ray
            finds, ADDRESS is the HOST:PORT of a head. It needs pip install 'foretell[cluster]'.
    """

    metric: Literal["macro_f1", "accuracy", "log_loss", "perplexity"] = "macro_f1"
    preset: Annotated[str, Parameter(metavar="NAME")] = DEFAULT_PRESET
    max_model_mb: Annotated[float | None, Parameter(metavar="N")] = None
    max_ms: Annotated[float | None, Parameter(metavar="N")] = None
    workers: Annotated[Whole | None, Parameter(metavar="N")] = None
    trials: Annotated[Whole | None, Parameter(metavar="N")] = None
    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None


_NOTHING_MORE = Sources()
_AS_USUAL = Searching()


def tune(
    data: Annotated[str, Parameter(name="DATA")],
    /,
    *,
    minutes: Annotated[float, Parameter(metavar="N", group=RUN)],
    out: Annotated[Path, Parameter(metavar="DIR", group=RUN)],
    config: Annotated[Path | None, Parameter(metavar="FILE", group=RUN)] = None,
    searching: Searching = _AS_USUAL,
    more: Sources = _NOTHING_MORE,
    reading: LabelledInput = ANY_RECORDS,
    output: Output = AS_TEXT,
    options: FixedSettings | None = None,
    started: Started,
) -> None:
    """Search settings.

    Args:
        data: Texts with labels, as for train labels; with --metric perplexity plain text, as for train words.
        minutes: Stop after N minutes, the model and the report included.
        out: Write the model directory DIR/model, the report DIR/report.html and the study into DIR. The same
            command continues the study.
        config: Read options from this TOML file.
    """
    del config
    format = output.chosen()
    from foretell.tuning.choosing import Limits
    from foretell.tuning.inputs import data_of_sources
    from foretell.tuning.objective import objective
    from foretell.tuning.progress import search_view
    from foretell.tuning.search import Request, search
    from foretell.tuning.study import require_tuning

    require_tuning()
    aim = objective(searching.metric)
    request = Request(
        objective=aim,
        out=out,
        minutes=minutes,
        preset=searching.preset,
        fixed=fixed_settings(options, aim.job),
        limits=Limits(model_mb=searching.max_model_mb, ms=searching.max_ms),
        workers=searching.workers,
        cluster=searching.cluster,
        trials=searching.trials,
        vectors=more.vectors,
        sources=_arguments(data, more, reading),
        started=started,
    )
    settings = request.settings
    read = data_of_sources(
        aim, data, valid=more.valid, unlabelled=more.unlabelled, text=reading.text, label=reading.label,
        format=reading.input_format, arguments=reading.arguments(),
    )  # fmt: skip
    read.check(settings)
    with search_view(aim) as listener:
        found = search(read, request, listener)
    _write(found, format)
    note(f"model:  {found.path}\nreport: {found.report_path}")


def _write(found: Tuned, format: Format) -> None:
    """Write the result of a search: text and jsonl all of it, csv one row for each trial."""
    if format in ("text", "jsonl"):
        Writer(format, ()).write(found.to_dict(), tuned_text(found))
        return
    writer = Writer(format, _COLUMNS)
    for each in found.to_dict()["trials"]:
        writer.write(each, "")


def tuned_text(found: Tuned) -> str:
    """Return the result of a search for people: the best trials, the choice, and the command."""
    from foretell.tuning.driver import ranking

    aim, chosen = found.objective, found.chosen.trial
    best = ranking(found.trials, aim)[:_SHOWN]
    rows = [each for each in found.trials if each in best or each.is_preset or each is chosen]
    cells = [
        (
            each.number,
            "–" if each.value is None else aim.shown(each.value),
            duration(each.seconds),
            "–" if each.size_mb is None else f"{each.size_mb:.2f}",
            "–" if each.ms is None else f"{each.ms:.2f}",
            each.described() + (" (chosen)" if each.number == chosen.number else ""),
        )
        for each in rows
        if each.state == "complete"
    ]
    head = ("trial", aim.title, "time", "MB", "ms", "settings")
    states = [each.state for each in found.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    ended = "1 trial" if len(states) == 1 else f"{len(states)} trials"
    return (
        f"{ended} ({counts}); the best:\n{aligned([head, *cells])}\n\n{found.chosen.reason}\n\n"
        f"to train it again:\n{found.command}"
    )


def _arguments(data: str, more: Sources, reading: LabelledInput) -> list[str]:
    """Return the data and its options as `foretell train` takes them."""
    flags = {
        "--text": reading.text, "--label": reading.label, "--input-format": reading.input_format,
        "--valid": more.valid, "--vectors": more.vectors,
    }  # fmt: skip
    words = [data, *(word for flag, value in flags.items() if value is not None for word in (flag, value))]
    return [*words, *(word for each in more.unlabelled for word in ("--unlabelled", each))]
