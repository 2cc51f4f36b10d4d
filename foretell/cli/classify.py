"""The command `classify`: the label of each text."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_FILES, ClusterFiles
from foretell.cli.inputs import local_model, read_records
from foretell.cli.options import (
    ANY_TEXTS,
    AS_TEXT,
    OUTPUT,
    Literally,
    Name,
    OutputOptions,
    TextInput,
    Texts,
)
from foretell.cli.output import AnswerFile, Format, Writer, answer_file, note
from foretell.cluster.rows import ANSWER, LABELS, free_names, kept, verdict_parts
from foretell.readable import excerpt, number_of, on_one_line

if TYPE_CHECKING:
    from foretell.runtime.labels.classifier import LabelsRuntime, Verdict


def classify(
    model: Name,
    texts: Texts = (),
    /,
    *,
    reading: TextInput = ANY_TEXTS,
    literal: Literally = False,
    keep_columns: Annotated[bool, Parameter(group=OUTPUT, negative="--no-keep-columns")] = True,
    abstain_below: Annotated[float | None, Parameter(group=OUTPUT, metavar="P")] = None,
    output: OutputOptions = AS_TEXT,
    files: ClusterFiles = NO_FILES,
) -> int:
    """Write the label of each text, with its probability.

    Args:
        model: Model directory for labels.
        texts: Texts, files, folders, or - for standard input; without any, standard input.
        keep_columns: Keep the other columns of each record in jsonl and csv.
        abstain_below: Give no label where its probability is below P, 0 to 1. foretell evaluate
            shows how much accuracy that gains.
    """
    if files.check():
        from foretell.cluster.files import classify_files

        return on_cluster.run(
            "classifying",
            classify_files,
            texts,
            reading,
            files,
            output,
            model=model,
            literal=literal,
            keep_columns=keep_columns,
            abstain_below=abstain_below,
        )
    from foretell.runtime.labels.classifier import LabelsRuntime

    runtime = LabelsRuntime(local_model(model))
    columns = runtime.model.text_columns
    records = read_records("classifying", texts, reading, literal=literal, columns=columns)
    with answer_file(files.out, output.chosen()) as (format, file):
        answers = _Answers(format, file, runtime)
        waiting: deque[tuple[str, Mapping[str, object]]] = deque()

        def read() -> Iterator[str]:
            for record in records:
                columns = kept(record) if keep_columns else {"text": record.text}
                waiting.append((record.text, columns))
                yield record.text
                # The next record may take a while to come: what is answered must not wait for it
                # in a buffer.
                sys.stdout.flush()

        for verdict in runtime.classify(read(), abstain_below=abstain_below):
            answers.write(verdict, *waiting.popleft())
        # A table without records has a header too.
        answers.open({"text": ""})
    if files.out is not None:
        note(f"wrote {files.out}: {number_of(answers.count, 'answer')}")
    return 0


class _Answers:
    """Writes one answer for each record, all under the names that the first record leaves free."""

    def __init__(self, format: Format, file: AnswerFile, runtime: LabelsRuntime) -> None:
        self.count = 0
        self._file = file
        self._format = format
        self._parts = (*ANSWER, LABELS) if runtime.separator else ANSWER
        self._width = max(len(on_one_line(label)) for label in runtime.labels)
        self._writer: Writer | None = None
        self._columns: frozenset[str] = frozenset()
        self._names: dict[str, str] = {}
        self._has_dropped = format == "text"

    def open(self, columns: Mapping[str, object]) -> Writer:
        """Return the writer; the first time with the columns of the first record."""
        if self._writer is None:
            self._columns = frozenset(columns)
            self._names = free_names(columns, self._parts)
            # csv has no column of `probabilities`.
            answers = (self._names[part] for part in ANSWER if part != "probabilities")
            self._writer = Writer(self._format, [*columns, *answers], self._file)
        return self._writer

    def write(self, verdict: Verdict, text: str, columns: Mapping[str, object]) -> None:
        """Write the answer to a text, with columns of its record."""
        self.count += 1
        writer = self.open(columns)
        parts = verdict_parts(verdict)
        if verdict.labels is not None:
            parts[LABELS] = list(verdict.plain().labels or ())
        answer = {self._names[part]: value for part, value in parts.items()}
        # The names mean the same in every line, and a table has the columns of its first record.
        lost = (
            columns.keys() & answer.keys()
            if self._format == "jsonl"
            else columns.keys() - self._columns
        )
        if lost and not self._has_dropped:
            self._has_dropped = True
            left_out = ", ".join(f"'{name}'" for name in columns if name in lost)
            note(f"left out columns that the first record does not have: {left_out}")
        writer.write({**columns, **answer}, _line(verdict, excerpt(text), self._width))


def _line(verdict: Verdict, beginning: str, width: int) -> str:
    """Return a verdict for people; the column of labels is `width` wide."""
    notes = "; ".join(filter(None, (verdict.reason, *verdict.flags)))
    line = f"{on_one_line(str(verdict.label)):<{width}}  {verdict.probability:.4f}  {beginning}"
    return f"{line.rstrip()}  [{notes}]" if notes else line
