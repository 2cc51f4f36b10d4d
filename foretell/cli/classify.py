"""The command `classify`: the label of each text."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import open_labels, open_records
from foretell.cli.options import ANY_TEXTS, AS_TEXT, OUTPUT, Literally, Output, TextInput
from foretell.cli.output import Format, Writer, excerpt, note, on_one_line
from foretell.cluster.rows import ANSWER, LABELS, free_names, verdict_parts

if TYPE_CHECKING:
    from foretell.data.records import Record
    from foretell.runtime.labels.classifier import Verdict


def classify(
    model: str,
    texts: Annotated[tuple[str, ...], Parameter(name="TEXT", negative=(), show_default=False)] = (),
    /,
    *,
    reading: TextInput = ANY_TEXTS,
    literal: Literally = False,
    keep_columns: Annotated[bool, Parameter(group=OUTPUT)] = True,
    abstain_below: Annotated[float | None, Parameter(group=OUTPUT, metavar="P")] = None,
    output: Output = AS_TEXT,
    files: ClusterOptions = NO_CLUSTER,
) -> int:
    """Write the label of each text, with its probability.

    Args:
        model: Model directory for labels.
        texts: Texts, files, folders, or - for standard input; without any, standard input.
        keep_columns: Keep the other columns of each record in jsonl and csv.
        abstain_below: Give no label where its probability is below P, 0 to 1. foretell evaluate shows how
            much accuracy that gains.
    """
    if files.check(needs_out=True):
        from foretell.cluster.files import classify_files

        return on_cluster.run(
            "classifying", classify_files, texts, reading, files, output, model=model, literal=literal,
            keep_columns=keep_columns, abstain_below=abstain_below,
        )  # fmt: skip
    runtime = open_labels(model)
    answers = _Answers(
        output.chosen(), runtime.labels, keep_columns=keep_columns, has_several=bool(runtime.separator)
    )
    waiting: deque[Record] = deque()

    def read(records: Iterator[Record]) -> Iterator[str]:
        for record in records:
            waiting.append(record)
            yield record.text
            # The next record may take a while to come: what is answered must not wait for it in a buffer.
            sys.stdout.flush()

    with open_records("classifying", texts, reading, literal=literal) as records:
        for verdict in runtime.classify(read(records), abstain_below=abstain_below):
            answers.write(waiting.popleft(), verdict)
    answers.finish()
    return 0


class _Answers:
    """Writes one answer for each record, all under the names that the first record leaves free."""

    def __init__(
        self, format: Format, labels: list[str], *, keep_columns: bool, has_several: bool = False
    ) -> None:
        self._format, self._has_several = format, has_several
        self._keep_columns = keep_columns
        self._width = max(len(on_one_line(label)) for label in labels)
        self._writer: Writer | None = None
        self._columns: frozenset[str] = frozenset()
        self._names: dict[str, str] = {}
        self._has_dropped = False

    def write(self, record: Record, verdict: Verdict) -> None:
        kept = _kept(record.fields) if self._keep_columns else {"text": record.text}
        writer = self._writer or self._open(kept)
        if self._format == "text":
            writer.write({}, _line(verdict, excerpt(record.text), self._width))
            return
        answer = {self._names[part]: value for part, value in verdict_parts(verdict).items()}
        if verdict.labels is not None:
            answer[self._names[LABELS]] = list(verdict.plain().labels or ())
        writer.write({**self._fitting(kept), **answer}, "")

    def finish(self) -> None:
        """Write the header of a table without records."""
        if self._writer is None:
            self._open({"text": ""})

    def _open(self, columns: Mapping[str, object]) -> Writer:
        self._columns = frozenset(columns)
        self._names = free_names(columns, (*ANSWER, LABELS) if self._has_several else ANSWER)
        # csv has no column of `probabilities`.
        answers = (self._names[part] for part in ANSWER if part != "probabilities")
        self._writer = Writer(self._format, [*columns, *answers])
        return self._writer

    def _fitting(self, columns: Mapping[str, object]) -> Mapping[str, object]:
        """Return the columns that can be written: jsonl takes new ones, unless a part of the answer has "
        "the name."""
        if self._columns.issuperset(columns):
            return columns
        taken = set(self._names.values())
        fitting = {
            name: value
            for name, value in columns.items()
            if name in self._columns or (self._format == "jsonl" and name not in taken)
        }
        if len(fitting) < len(columns) and not self._has_dropped:
            self._has_dropped = True
            left_out = ", ".join(f"'{name}'" for name in columns if name not in fitting)
            note(f"left out columns that the first record does not have: {left_out}")
        return fitting


def _kept(columns: Mapping[str, object]) -> dict[str, object]:
    """Return the columns of a record with None for every kind of missing value, as JSON has it."""
    from foretell.data.records import is_missing

    return {
        name: value if type(value) is str or not is_missing(value) else None
        for name, value in columns.items()
    }


def _line(verdict: Verdict, beginning: str, width: int) -> str:
    """Return a verdict for people; the column of labels is `width` wide."""
    notes = "; ".join(filter(None, (verdict.reason, *verdict.flags)))
    line = f"{on_one_line(str(verdict.label)):<{width}}  {verdict.probability:.4f}  {beginning}"
    return f"{line.rstrip()}  [{notes}]" if notes else line
