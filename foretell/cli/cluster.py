"""The options --cluster and --out of the commands that read files, and what those commands do with
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import LabelledInput, Output, TextInput, Whole, expect
from foretell.cli.output import Format, Writer, listed, note
from foretell.errors import ForetellError
from foretell.progress import view
from foretell.readable import duration
from foretell.training.events import Stage

if TYPE_CHECKING:
    from foretell.cluster.files import ClusterReport

_FAILED_SHOWN = 3


@Parameter(name="*", group=Group("Cluster (files of any size, on several processes)", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where files are processed, and where the answers go.

    Attributes:
        cluster: Read files, folders, globs and bucket paths with several workers: local starts a
            Ray cluster on this machine, auto uses the one that Ray finds, ADDRESS is the HOST:PORT
            of a head.
        out: Write one output row for each input row into the folder DIR, a path or a bucket path.
            The same command continues a run that was interrupted.
        out_format: Format of the files in DIR.
        workers: Number of workers. Without it, one for each processor of the cluster.
        shard_mb: MiB of JSON Lines or plain text that a worker reads at a time. Without it, 8, less
            for small inputs. A file of another format, such as CSV, is read by one worker.
    """

    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None
    out: Annotated[str | None, Parameter(metavar="DIR")] = None
    out_format: Literal["jsonl", "csv"] = "jsonl"
    workers: Whole | None = None
    shard_mb: Annotated[float | None, Parameter(metavar="N")] = None

    def check(self, *, needs_out: bool) -> bool:
        """Return whether a cluster was asked for; `needs_out`: the command writes rows, with
        --out.
        """
        options = "--cluster with --out, --out-format, --workers and --shard-mb"
        is_asked = self.cluster is not None
        to_file = "write a file with --format csv > FILE, or add --cluster local"
        expect(is_asked or self == NO_CLUSTER, options, "none", to_file)
        has_out = not is_asked or not needs_out or self.out is not None
        expect(has_out, "--out DIR with --cluster", "none", "name a new folder")
        return is_asked


NO_CLUSTER = ClusterOptions()


def run(
    what: str,
    job: Callable[..., ClusterReport],
    sources: Sequence[str],
    reading: TextInput,
    files: ClusterOptions,
    output: Output,
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
    expect(
        bool(sources) and not literal,
        "files, folders or bucket paths with --cluster",
        "--literal" if literal else "none",
        "name a file, or leave --cluster out",
    )
    expect(
        reading.header_row is None and reading.sheet is None,
        "no --header-row and no --sheet with --cluster, which reads parts of files",
        "one of them",
        "save the table as a .csv whose first row has the names of the columns",
    )
    format = output.chosen()
    if files.out is not None:
        how |= {"out": files.out, "out_format": files.out_format}
    if isinstance(reading, LabelledInput):
        how["label"] = reading.label
    with view() as show_event:

        def listener(_: object, finished: int, of: int) -> None:
            show_event(Stage(name=f"{what}  shard {finished:,}/{of:,}", done=finished / of))

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
    rows = {
        "rows": report.rows,
        "rows/s": f"{report.rows_per_second:,.0f}",
        "time": f"{duration(report.seconds)}, without the start of the cluster",
        "finished before": report.resumed_rows or None,
        "without an answer": "; ".join(f"{n:,} {why}" for why, n in report.skipped.items())
        or "none",
        "failed shards": f"{len(report.failed):,} of {report.shards:,}" if report.failed else None,
        "output": report.out,
    }
    text = listed((name, value) for name, value in rows.items() if value is not None)
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
        note(f"foretell: {ForetellError(expected=expected, found=found, fix=fix)}")
    return int(bool(report.failed))
