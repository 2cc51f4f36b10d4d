"""The options --cluster and --out of the commands that read files, and what those commands do with
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import OUTPUT, LabelledInput, Name, OutputOptions, TextInput, expect
from foretell.cli.output import Format, Writer, listed, note
from foretell.errors import ForetellError
from foretell.progress import view
from foretell.training.events import Stage

if TYPE_CHECKING:
    from foretell.cluster.files import ClusterReport

_FAILED_SHOWN = 3
_WITHOUT_CLUSTER = ("cluster", "out")
"""The options that do not need --cluster."""


@Parameter(name="*", group=Group("Cluster (files of any size, on several processes)", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where files are processed.

    Attributes:
        cluster: Read files, folders, globs and bucket paths with several workers: local starts a
            Ray cluster on this machine, auto uses the one that Ray finds, ADDRESS is the HOST:PORT
            of a head.
        workers: Number of workers. Without it, one for each processor of the cluster.
        shard_mb: MiB of a file that a worker reads at a time. Without it, 8, less for small
            inputs. A compressed file, or a spreadsheet, is read by one worker.
    """

    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None
    workers: int | None = None
    shard_mb: float | None = None

    def check(self) -> bool:
        """Return whether a cluster was asked for."""
        is_asked = self.cluster is not None
        given = [
            f"--{option.name.replace('_', '-')}"
            for option in fields(self)
            if option.name not in _WITHOUT_CLUSTER and getattr(self, option.name) != option.default
        ]
        what = f"--cluster with {' and '.join(given)}"
        expect(is_asked or not given, what, "none", "add --cluster local")
        return is_asked


@dataclass(frozen=True, kw_only=True)
class ClusterFiles(ClusterOptions):
    """Where files are processed, and where the answers go; without a cluster into one file.

    Attributes:
        out: Write the answers to FILE, a spreadsheet (.xlsx), a table that spreadsheet programs
            open (.csv) or JSON Lines (.jsonl), instead of to standard output. With --cluster: write
            one output row for each input row into the folder DIR, a path or a bucket path; the same
            command continues a run that was interrupted.
        out_format: Format of the files in DIR.
    """

    out: Annotated[Name | None, Parameter(metavar="FILE|DIR", group=OUTPUT)] = None
    out_format: Literal["jsonl", "csv"] = "jsonl"

    def check(self) -> bool:
        """Return whether a cluster was asked for."""
        is_asked = super().check()
        has_out = not is_asked or self.out is not None
        expect(has_out, "--out DIR with --cluster", "none", "name a new folder")
        return is_asked


NO_CLUSTER = ClusterOptions()
NO_FILES = ClusterFiles()


def run(
    what: str,
    job: Callable[..., ClusterReport],
    sources: Sequence[str],
    reading: TextInput,
    files: ClusterOptions,
    output: OutputOptions,
    *,
    model: str,
    literal: bool = False,
    metrics: Callable[[dict[str, object], Format], None] | None = None,
    **how: object,
) -> int:
    """Run a job on a cluster, show its progress, write its report, and return the exit code.

    Args:
        what: the work, such as "classifying".
        job: a function of `foretell.cluster.files`; `how` are more arguments of it.
        sources: files, folders, globs and bucket paths.
        metrics: writes the metrics of an evaluation to stdout; the report then goes to stderr.
    """
    what_is_read = "files, folders or bucket paths with --cluster"
    leave = "name a file, or leave --cluster out"
    expect(not literal, what_is_read, "--literal", leave)
    expect(bool(sources), what_is_read, "none", leave)
    expect(
        reading.header_row is None and reading.sheet is None,
        "no --header-row and no --sheet with --cluster, which reads parts of files",
        "one of them",
        "save the table as a .csv whose first row has the names of the columns",
    )
    if isinstance(reading, LabelledInput):
        expect(
            not reading.split and not reading.weight,
            "no --split and no --weight with --cluster, which reads every row alike",
            "one of them",
        )
        how["label"] = reading.label
    format = output.chosen()
    if isinstance(files, ClusterFiles):
        how |= {"out": files.out, "out_format": files.out_format}
    with view() as show_event:

        def listener(_: object, finished: int, of: int) -> None:
            show_event(Stage(f"{what}  shard {finished:,}/{of:,}", finished / of))

        report = job(
            local_model(model),
            list(sources),
            cluster=files.cluster,
            workers=files.workers,
            text=reading.text,
            format=reading.format,
            shard_mb=files.shard_mb,
            listener=listener,
            **how,
        )
    return write_report(report, format, metrics)


def write_report(
    report: ClusterReport,
    format: Format,
    metrics: Callable[[dict[str, object], Format], None] | None = None,
) -> int:
    """Write the report of a run, and return its exit code: 1 where shards failed."""
    text = listed(report.shown().items())
    if metrics is not None and report.metrics is not None:
        note(text)
        metrics(report.metrics, format)
    else:
        # One object: a run has no rows for csv.
        Writer("text" if format == "text" else "jsonl", ()).write(asdict(report), text)
    for name, reason in list(report.failed.items())[:_FAILED_SHOWN]:
        note(f"failed: {name}: {reason}")
    if report.failed:
        expected = f"{report.shards:,} finished shards"
        found = f"{len(report.failed):,} that failed"
        fix = "the same command tries them again"
        note(f"foretell: {ForetellError(expected, found, fix=fix)}")
    return int(bool(report.failed))
