"""`ClusterReport`: what a run over files did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from foretell.cluster.layouts import Layout
from foretell.cluster.results import Output
from foretell.cluster.shards import Shard
from foretell.cluster.tasks import Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReport:
    """What a run over files did.

    Attributes:
        out: the output folder; None: figures only.
        rows: rows read; in the output folder there is one row for each.
        resumed_rows: those of them that an earlier run had finished.
        skipped: rows without an answer, by reason.
        shards: how many there are.
        failed: the shards that failed three times, or can never succeed: name to reason.
        seconds: of this run, from the first shard on.
        start_seconds: before that: the cluster, the plan, the workers.
        rows_per_second: of this run, from the first shard on.
        worker_rates: rows/s of each worker over its own shards.
        slowest: the shard that took longest in this run: name, seconds and worker; None: none was run.
        whole_files: the files that are one shard, since they cannot be divided, and why.
        notes: what was guessed or left out.
        figures: of an evaluation: what `foretell evaluate --json` prints; None: no evaluation.
    """

    out: str | None
    rows: int
    resumed_rows: int
    skipped: dict[str, int]
    shards: int
    failed: dict[str, str]
    seconds: float
    start_seconds: float
    rows_per_second: float
    worker_rates: dict[str, float]
    slowest: dict[str, Any] | None
    whole_files: dict[str, str]
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] | None = field(default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return asdict(self)


def report_of(
    output: Output,
    *,
    failed: Mapping[int, Failed],
    new: set[int],
    seconds: float,
    start_seconds: float,
    rates: Mapping[str, float],
    layouts: Mapping[str, Layout],
    notes: tuple[str, ...],
    figures: dict[str, Any] | None,
) -> ClusterReport:
    """Return the report of a run.

    Args:
        output: with the lines of all finished shards.
        failed: the failed shards by ordinal.
        new: the ordinals of the shards that this run finished.
        seconds, start_seconds, rates: see `ClusterReport`.
        layouts: of each file by address, as far as known.
        notes: of the cluster.
        figures: of an evaluation.
    """
    lines = list(output.done.values())
    skipped: Counter[str] = Counter()
    for line in lines:
        skipped.update(line.skipped)
    by_ordinal = {shard.ordinal: shard for shard in output.shards}
    mine = [line for line in lines if line.ordinal in new]
    slow = max(mine, key=lambda line: line.seconds, default=None)
    return ClusterReport(
        out=output.address or None,
        rows=sum(line.rows for line in lines),
        resumed_rows=output.resumed,
        skipped=dict(sorted(skipped.items())),
        shards=len(output.shards),
        failed={by_ordinal[ordinal].name: failed[ordinal].reason for ordinal in sorted(failed)},
        seconds=seconds,
        start_seconds=start_seconds,
        rows_per_second=sum(line.rows for line in mine) / max(seconds, 1e-9),
        worker_rates=dict(rates),
        slowest=None
        if slow is None
        else {"shard": by_ordinal[slow.ordinal].name, "seconds": slow.seconds, "worker": slow.worker},
        whole_files=_whole_files(output.shards, layouts),
        notes=tuple(dict.fromkeys([*notes, *(note for line in lines for note in line.notes)])),
        figures=figures,
    )


def _whole_files(shards: list[Shard], layouts: Mapping[str, Layout]) -> dict[str, str]:
    return {
        shard.file: layouts[shard.file].why_whole if shard.file in layouts else f"the format {shard.format}"
        for shard in shards
        if shard.is_whole
    }
