"""A model over files of any size: `classify_files`, `score_files` and `evaluate_files`."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, Unpack

from foretell.artifacts.directory import pack, read_model
from foretell.artifacts.manifest import MANIFEST
from foretell.cluster.output import Done, Failed, Json, Output, Task, begin, reserved
from foretell.cluster.rows import ANSWER, SCORE, OutFormat, free_names
from foretell.cluster.session import Cluster, connected, require_cluster
from foretell.cluster.shard import Shard
from foretell.cluster.shards import plan
from foretell.cluster.storage import StoredFile, absolute, input_files
from foretell.cluster.worker import process, together
from foretell.config import Job
from foretell.data.decode import sha256_of
from foretell.data.records import ReadOptions
from foretell.errors import SettingsError, UsageError
from foretell.hub.models import local_path
from foretell.readable import duration
from foretell.runtime.labels.evaluation import check_one_label

ATTEMPTS = 3
"""Attempts of each shard."""
_WAIT_SECONDS = 1.0

Sources = str | Path | Sequence[str | Path]
Listener = Callable[[Done, int, int], object]
"""Takes the line of a finished shard, how many are finished and of how many."""


@dataclass(frozen=True, kw_only=True)
class ClusterReport:
    """What a run over files did.

    Attributes:
        out: the output folder; None: only metrics.
        rows: rows read; in the output folder there is one row for each.
        resumed_rows: those of them that an earlier run had finished.
        skipped: rows without an answer, by reason.
        shards: how many there are.
        failed: the shards that failed three times, or can never succeed: name to reason.
        seconds: of this run, without the plan and the start of the cluster.
        rows_per_second: in these seconds.
        metrics: of an evaluation: what `foretell evaluate --json` prints; None: no evaluation.
    """

    out: str | None
    rows: int
    resumed_rows: int
    skipped: dict[str, int]
    shards: int
    failed: dict[str, str]
    seconds: float
    rows_per_second: float
    metrics: Json | None = None

    def shown(self) -> dict[str, object]:
        """Return what was done, for people: names and values."""
        skipped = "; ".join(f"{n:,} {why}" for why, n in self.skipped.items())
        rows = {
            "rows": self.rows,
            "rows/s": f"{self.rows_per_second:,.0f}",
            "time": f"{duration(self.seconds)}, without the start of the cluster",
            "finished before": self.resumed_rows or None,
            "without an answer": skipped or "none",
            "failed shards": f"{len(self.failed):,} of {self.shards:,}" if self.failed else None,
            "output": self.out,
        }
        return {name: value for name, value in rows.items() if value is not None}


class Where(TypedDict, total=False):
    """How files are read and where they are worked on.

    Attributes:
        cluster: "local", the default, starts a cluster on this machine, "auto" is the one that Ray
            finds, anything else the HOST:PORT of a head.
        workers: how many shards are worked on at a time; None: one for each processor of the
            cluster.
        out_format: of the output files, "jsonl" (the default) or "csv", which has no
            `probabilities`.
        text: the name of the text column, or of several whose texts are joined; None: chosen where
            it is clear.
        format: the format of the files; None: by the name's ending, or else by the content.
        shard_mb: MiB of a file in a shard, where it can be divided; None: 8, less for small inputs.
        listener: is called with each finished shard.
    """

    cluster: str
    workers: int | None
    out_format: OutFormat
    text: str | Sequence[str] | None
    format: str | None
    shard_mb: float | None
    listener: Listener


def classify_files(
    model: str | Path,
    sources: Sources,
    *,
    out: str | Path,
    keep_columns: bool = True,
    abstain_below: float | None = None,
    **where: Unpack[Where],
) -> ClusterReport:
    """Write the label of every row of files, with its probability: one output row for each input
    row.

    The same call continues a run that was interrupted.

    >>> report = classify_files("reviews-model", "reviews/*.jsonl", out="answers", cluster="local")
    >>> report.rows_per_second

    Args:
        model: the model directory, for labels.
        sources: files, folders, globs and bucket paths (s3://bucket/folder).
        out: the output folder, a path or a bucket path; see `foretell.cluster.output`.
        keep_columns: keep the other columns of each row.
        abstain_below: give no label where its probability is below this, 0 to 1.
        **where: see `Where`.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: a model for words, or arguments that cannot mean anything.
        DataError: input that cannot be read, or whose columns are not clear.
        RunError: the cluster or the output folder cannot be used.
        ArtifactError: the model cannot be trusted.
    """
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise SettingsError("a probability from 0 to 1", repr(abstain_below), where="abstain-below")
    task = Task(
        command="classify",
        out=absolute(out),
        keep_columns=keep_columns,
        abstain_below=abstain_below,
    )
    return _run(task, model, "labels", sources, where)


def score_files(
    model: str | Path,
    sources: Sources,
    *,
    out: str | Path,
    cache: int = 0,
    **where: Unpack[Where],
) -> ClusterReport:
    """Write how probable the text of every row of files is: one output row for each input row.

    Each row is a text of its own, scored as `foretell score MODEL TEXT` does.

    Args:
        model: the model directory, for words.
        cache: words of a continuous cache; 0: none.
        sources, out, where: as for `classify_files`.

    Raises:
        MissingExtraError, UsageError, DataError, RunError, ArtifactError: as `classify_files`.
    """
    return _run(
        Task(command="score", out=absolute(out), cache=cache), model, "words", sources, where
    )


def evaluate_files(
    model: str | Path,
    sources: Sources,
    *,
    label: str | None = None,
    cache: int = 0,
    **where: Unpack[Where],
) -> ClusterReport:
    """Measure a model on files: `metrics` of the report has what `foretell evaluate --json` prints.

    The probabilities of all texts are in memory at the end. A model for words scores each shard as
    a text of its own, so that the first words of a shard have no context; suggestions are not
    measured.

    Args:
        model: the model directory.
        label: the name of the label column; None: chosen where it is clear.
        cache: words of a continuous cache, for a model for words; 0: none.
        sources, where: as for `classify_files`.

    Raises:
        MissingExtraError, UsageError, RunError, ArtifactError: as `classify_files`.
        DataError: as there, or no row has a label.
    """
    return _run(Task(command="evaluate", cache=cache), model, None, sources, where, label)


def _run(
    task: Task,
    model: str | Path,
    job: Job | None,
    sources: Sources,
    where: Where,
    label: str | None = None,
) -> ClusterReport:
    """Do a task over files, with a model for a job (None: for any), and return the report."""
    require_cluster()
    for name in ("workers", "shard_mb"):
        value = where.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise SettingsError("more than 0", repr(value), where=name.replace("_", "-"))
    path = local_path(model)
    opened = read_model(path)
    if job not in (None, opened.job):
        fix = "use foretell score with it" if task.command == "classify" else ""
        expected = f"a model for {job}"
        raise UsageError(expected, f"one for {opened.job}", where=path, fix=fix)
    if task.cache and opened.cache is None:
        expected = "a model with a continuous cache"
        fix = "leave --cache out"
        raise UsageError(expected, "one without", where=path, fix=fix)
    if task.command == "evaluate":
        check_one_label(opened.settings, "evaluate --cluster")
    task = replace(
        task, model=sha256_of(path / MANIFEST), out_format=where.get("out_format", "jsonl")
    )
    files = input_files([sources] if isinstance(sources, str | Path) else list(sources))
    began = time.monotonic()
    failed = dict[str, str]()
    is_evaluated = task.command == "evaluate"
    options = ReadOptions(
        text=where.get("text"),
        text_columns=opened.text_columns,
        label=label,
        need_label=is_evaluated and opened.job == "labels",
    )
    with reserved(task.out, files):
        task, shards = _planned(task, files, options, where)
        output = begin(task, files, shards)
        if output.waiting:
            with connected(where.get("cluster", "local")) as cluster:
                began = time.monotonic()
                failed = _do(cluster, output, path, where)
        if not failed:
            output.finish()
    metrics = together(output, opened) if is_evaluated and not failed else None
    return _report(output, failed, time.monotonic() - began, metrics)


def _planned(
    task: Task, files: Sequence[StoredFile], options: ReadOptions, where: Where
) -> tuple[Task, list[Shard]]:
    """Return the task with its columns, and the shards."""
    parts: tuple[str, ...] = SCORE if task.command == "score" else ANSWER
    shard_mb = where.get("shard_mb")
    size = None if shard_mb is None else max(1, int(shard_mb * (1 << 20)))
    shards, columns = plan(files, options, where.get("format"), size)
    columns = columns if task.keep_columns else ["text"]
    if task.out_format == "csv":
        parts = tuple(part for part in parts if part != "probabilities")
    return replace(task, columns=columns, names=free_names(columns, parts)), shards


def _do(cluster: Cluster, output: Output, path: Path, where: Where) -> dict[str, str]:
    """Hand out the shards, each at most `ATTEMPTS` times, commit what comes back, and return what
    failed.

    Ray itself tries nothing again: the manifest has one writer.
    """
    import ray

    workers = cluster.workers(where.get("workers"))
    listener = where.get("listener")
    task = ray.remote(num_cpus=1, max_retries=0)(process)
    model = [ray.put(pack(path))]
    here = version("foretell")
    queue = deque(output.waiting)
    busy = dict[object, Shard]()
    attempts = Counter[int]()
    failed = dict[str, str]()
    while queue or busy:
        while queue and len(busy) < workers:
            shard = queue.popleft()
            attempts[shard.ordinal] += 1
            busy[task.remote(output.task, model, shard, here)] = shard
        ready, _ = ray.wait(list(busy), num_returns=1, timeout=_WAIT_SECONDS)
        for ref in ready:
            shard = busy.pop(ref)
            result = _result(ref, shard)
            if isinstance(result, Done):
                output.add(result)
                if listener is not None:
                    listener(result, len(output.done), len(output.shards))
            elif result.is_final or attempts[shard.ordinal] >= ATTEMPTS:
                failed[shard.name] = result.reason
            else:
                queue.append(shard)
        if not ready:
            cluster.check_alive()
    return failed


def _result(ref: object, shard: Shard) -> Done | Failed:
    """Return what a worker has returned, or why it has died: killed, out of memory, or its node is
    gone.
    """
    import ray
    from ray.exceptions import RayError

    try:
        result: Done | Failed = ray.get(ref)
    except RayError as error:
        is_memory = "memory" in str(error).lower()
        why = "out of memory" if is_memory else "the worker died (killed, or its node is gone)"
        return Failed(reason=f"{shard.name}: expected a finished shard, found {why}")
    return result


def _report(
    output: Output, failed: dict[str, str], seconds: float, metrics: Json | None
) -> ClusterReport:
    lines = list(output.done.values())
    rows = sum(line.rows for line in lines)
    skipped = sum((Counter(line.skipped) for line in lines), Counter[str]())
    return ClusterReport(
        out=output.address,
        rows=rows,
        resumed_rows=output.resumed,
        skipped=dict(sorted(skipped.items())),
        shards=len(output.shards),
        failed=failed,
        seconds=seconds,
        rows_per_second=(rows - output.resumed) / max(seconds, 1e-9),
        metrics=metrics,
    )
