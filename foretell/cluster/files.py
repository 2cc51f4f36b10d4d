"""A model over files of any size: `classify_files`, `score_files` and `evaluate_files`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.cluster import figures as sums
from foretell.cluster.addresses import absolute
from foretell.cluster.inputs import input_files
from foretell.cluster.layouts import Layout
from foretell.cluster.report import ClusterReport, report_of
from foretell.cluster.results import FiguresOnly, Output, locked, open_output
from foretell.cluster.rows import ANSWER, SCORE, free_names
from foretell.cluster.scheduler import Listener, Scheduler, ignore
from foretell.cluster.session import connected, require_cluster
from foretell.cluster.shards import Shard, plan
from foretell.cluster.tasks import Task
from foretell.cluster.work import model_sha256
from foretell.cluster.writers import OutFormat, column_types
from foretell.config import check_one_label
from foretell.data.records import PYTHON, Arguments, ReadOptions
from foretell.errors import RunError, SettingsError, UsageError
from foretell.hub.download import local_path

Sources = str | Path | Sequence[str | Path]
_MIB = 1 << 20


def classify_files(
    model: str | Path,
    sources: Sources,
    *,
    out: str | Path,
    cluster: str = "local",
    workers: int | None = None,
    out_format: OutFormat = "parquet",
    keep_columns: bool = True,
    abstain_below: float | None = None,
    text: str | None = None,
    format: str | None = None,
    shard_mb: float | None = None,
    listener: Listener = ignore,
    arguments: Arguments = PYTHON,
) -> ClusterReport:
    """Write the label of every row of files, with its probability: one output row for each input row.

    The same call continues a run that was interrupted.

    >>> report = classify_files("reviews-model", "reviews/*.jsonl", out="answers", cluster="local")
    >>> report.rows_per_second

    Args:
        model: the model directory, for labels.
        sources: files, folders, globs and bucket paths (s3://bucket/folder).
        out: the output folder, a path or a bucket path; see `foretell.cluster.results`.
        cluster: "local" starts a cluster on this machine, "auto" is the one that Ray finds, anything else the
            HOST:PORT of a head.
        workers: how many; None: one for each processor of the cluster.
        out_format: "parquet" or "jsonl".
        keep_columns: keep the other columns of each row.
        abstain_below: give no label where its probability is below this, 0 to 1.
        text: the name of the text column; None: chosen where it is clear.
        format: the format of the files; None: by the name's ending, or else by the content.
        shard_mb: MiB of the input in a shard; None: 8, less for small inputs, more for very large ones.
        listener: is called with each finished shard.
        arguments: how the caller's interface spells its arguments, for errors.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: a model for words, or arguments that cannot mean anything.
        DataError: input that cannot be read, or whose columns are not clear.
        RunError: the cluster or the output folder cannot be used.
        ArtifactError: the model cannot be trusted.
    """
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise SettingsError(
            expected="a probability from 0 to 1", found=repr(abstain_below), where="abstain-below"
        )
    task = Task(
        command="classify",
        model="",
        out=absolute(out),
        out_format=out_format,
        keep_columns=keep_columns,
        abstain_below=abstain_below,
    )
    options = ReadOptions(text=text, arguments=arguments)
    return _Job(task, model, "labels", sources, options, format, shard_mb, workers, listener).run(cluster)


def score_files(
    model: str | Path,
    sources: Sources,
    *,
    out: str | Path,
    cluster: str = "local",
    workers: int | None = None,
    out_format: OutFormat = "parquet",
    keep_columns: bool = True,
    cache: int = 0,
    text: str | None = None,
    format: str | None = None,
    shard_mb: float | None = None,
    listener: Listener = ignore,
    arguments: Arguments = PYTHON,
) -> ClusterReport:
    """Write how probable the text of every row of files is: one output row for each input row.

    Each row is a text of its own, scored as `foretell score MODEL TEXT` does.

    Args:
        model: the model directory, for words.
        cache: words of a continuous cache; 0: none.
        sources, out, cluster, workers, out_format, keep_columns, text, format, shard_mb, listener: as for
            `classify_files`.
        arguments: likewise.

    Raises:
        MissingExtraError, UsageError, DataError, RunError, ArtifactError: as `classify_files`.
    """
    task = Task(
        command="score",
        model="",
        out=absolute(out),
        out_format=out_format,
        keep_columns=keep_columns,
        cache=cache,
    )
    options = ReadOptions(text=text, arguments=arguments)
    return _Job(task, model, "words", sources, options, format, shard_mb, workers, listener).run(cluster)


def evaluate_files(
    model: str | Path,
    sources: Sources,
    *,
    out: str | Path | None = None,
    cluster: str = "local",
    workers: int | None = None,
    out_format: OutFormat = "parquet",
    cache: int = 0,
    text: str | None = None,
    label: str | None = None,
    format: str | None = None,
    shard_mb: float | None = None,
    listener: Listener = ignore,
    arguments: Arguments = PYTHON,
) -> ClusterReport:
    """Measure a model on files: `figures` of the report has what `foretell evaluate --json` prints.

    A model for words reads each shard as a text of its own, so that its first words have no context.

    Args:
        model: the model directory.
        out: also write the answer of each row, as `classify_files` does; the same call then continues a run
            that was interrupted. None: figures only. Only for a model for labels.
        label: the name of the label column; None: chosen where it is clear.
        cache: words of a continuous cache, for a model for words; 0: none.
        sources, cluster, workers, out_format, text, format, shard_mb, listener, arguments: as for
            `classify_files`.

    Raises:
        MissingExtraError, UsageError, RunError, ArtifactError: as `classify_files`.
        DataError: as there, or no row has a label.
    """
    model = local_path(model)
    opened = open_verified(model)
    if opened.job == "words" and (out is not None or label is not None):
        raise UsageError(
            expected="no --out and no --label with a model for words",
            found="one of them",
            fix="leave it out: evaluate gives figures of the whole text; foretell score writes rows",
        )
    check_one_label(opened.settings, "evaluate --cluster")
    if opened.job == "labels" and cache:
        raise UsageError(expected="no --cache with a model for labels", found=f"--cache {cache}")
    task = Task(
        command="evaluate",
        model="",
        out=None if out is None else absolute(out),
        out_format=out_format,
        cache=cache,
    )
    options = ReadOptions(text=text, label=label, need_label=opened.job == "labels", arguments=arguments)
    return _Job(task, model, opened.job, sources, options, format, shard_mb, workers, listener).run(cluster)


class _Job:
    """One run: plan, workers, report."""

    def __init__(
        self,
        task: Task,
        model: str | Path,
        job: Literal["labels", "words"],
        sources: Sources,
        options: ReadOptions,
        format: str | None,
        shard_mb: float | None,
        workers: int | None,
        listener: Listener,
    ) -> None:
        require_cluster()
        for name, value in (("workers", workers), ("shard-mb", shard_mb)):
            if value is not None and value <= 0:
                raise SettingsError(expected="more than 0", found=repr(value), where=name)
        self._model = Path(local_path(model))
        opened = _opened(self._model, job, task)
        self._task = replace(task, model=model_sha256(self._model))
        self._labels = opened.labels or []
        self._files = input_files([sources] if isinstance(sources, str | Path) else list(sources))
        self._options, self._format, self._workers = options, format, workers
        self._shard_bytes = None if shard_mb is None else max(1, int(shard_mb * _MIB))
        self._listener = listener
        self._layouts: dict[str, Layout] = {}

    def run(self, where: str) -> ClusterReport:
        started = time.monotonic()
        with self._output() as output:
            new = {shard.ordinal for shard in output.waiting}
            if not new:
                return self._report(output, None, set(), 0.0, time.monotonic() - started, ())
            with connected(where) as cluster:
                scheduler = Scheduler(
                    cluster, output.task, self._model, output, listener=self._listener,
                    workers=self._workers or max(1, int(cluster.processors)),
                )  # fmt: skip
                began = time.monotonic()
                scheduler.run()
                ready = scheduler.ready_seconds
                seconds = time.monotonic() - began - ready
            if not scheduler.failed:
                output.finish()
            output.close_log()
            start_seconds = began - started + ready
            done = new & output.done.keys()
            return self._report(output, scheduler, done, seconds, start_seconds, cluster.notes)

    @contextmanager
    def _output(self) -> Iterator[Output]:
        out = self._task.out
        try:
            with nullcontext() if out is None else locked(out):
                if out is None:
                    yield FiguresOnly(*self._plan())
                else:
                    yield open_output(out, self._task, self._files, self._plan)
        except OSError as error:
            if out is None:
                raise
            raise RunError(
                expected="an output folder that can be read and written",
                found=error.strerror or str(error),
                where=out,
                fix="free some space or check the permissions; the same command continues",
            ) from error

    def _plan(self) -> tuple[Task, list[Shard]]:
        shards, layouts = plan(self._files, self._options, self._format, self._shard_bytes)
        self._layouts = {file.address: layout for file, layout in zip(self._files, layouts, strict=True)}
        return replace(self._task, **_columns(self._task, layouts)), shards

    def _report(
        self,
        output: Output,
        scheduler: Scheduler | None,
        new: set[int],
        seconds: float,
        start_seconds: float,
        notes: tuple[str, ...],
    ) -> ClusterReport:
        failed = {} if scheduler is None else scheduler.failed
        return report_of(
            output,
            failed=failed,
            new=new,
            seconds=seconds,
            start_seconds=start_seconds,
            rates={} if scheduler is None else scheduler.rates,
            layouts=self._layouts,
            notes=notes,
            figures=None if failed else self._figures(output),
        )

    def _figures(self, output: Output) -> dict[str, Any] | None:
        parts = [output.done[shard.ordinal].figures for shard in output.shards]
        known = [part for part in parts if part is not None]
        if not known:
            return None
        summed: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
        summed = sums.labels_report if self._labels else sums.words_report
        return summed(known)


def _opened(model: str | Path, job: str, task: Task) -> Model:
    opened = open_verified(model)
    if opened.job != job:
        fix = "use foretell score with it" if job == "labels" else "use foretell classify with it"
        raise UsageError(
            expected=f"a model for {job}", found=f"one for {opened.job}", where=str(model), fix=fix
        )
    if task.cache and opened.cache is None:
        raise UsageError(
            expected="a model with a continuous cache", found="one without", where=str(model),
            fix="leave --cache out",
        )  # fmt: skip
    return opened


def _columns(task: Task, layouts: Sequence[Layout]) -> dict[str, Any]:
    """Return the names of the answer's columns, and the types of the kept ones."""
    columns = list(dict.fromkeys(name for layout in layouts for name in layout.columns))
    if not task.keep_columns:
        columns = ["text"]
    parts = SCORE if task.command == "score" else ANSWER
    sample = [record for layout in layouts for record in layout.sample]
    types = column_types(sample, columns)
    return {"names": free_names(columns, parts), "types": types if task.keep_columns else {"text": "string"}}
