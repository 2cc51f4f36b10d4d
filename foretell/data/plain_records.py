"""Records of one line each: fastText lines, and plain text."""

from __future__ import annotations

from collections.abc import Iterator

from foretell.data.records import Record, label_of
from foretell.data.source import Source
from foretell.errors import DataError

PREFIX = "__label__"


def fasttext_records(source: Source) -> Iterator[Record]:
    """Read fastText lines: `__label__positive the text`. A line without a label has none.

    Raises:
        DataError: a line with two labels, where labels are needed.
    """
    for number, line in enumerate(source.plain_lines(), start=1):
        words = line
        labels = []
        while (words := words.lstrip()).startswith(PREFIX):
            head, *rest = words.split(None, 1)
            words = rest[0] if rest else ""
            labels.append(head[len(PREFIX) :])
        if source.options.several_labels and labels:
            listed = tuple(dict.fromkeys(labels))
            yield Record(words, None, {"text": words, "label": ", ".join(listed)}, labels=listed)
            continue
        if len(labels) > 1 and source.options.need_label:
            raise DataError(
                expected="one label", found=f"{len(labels)}: {', '.join(labels[:5])}",
                where=f"{source.name}, line {number}", fix="keep one label a line",
            )  # fmt: skip
        if not labels and not words:
            continue
        label = label_of(labels[0]) if labels else None
        yield Record(words, label, {"text": words, "label": label or ""})


def line_records(source: Source) -> Iterator[Record]:
    """Read one text a line. Every line is a record, an empty one too, so that answers can be lined up.

    Raises:
        DataError: labels are needed.
    """
    if source.options.need_label:
        named = source.options.arguments.spell("format", "FORMAT")
        raise DataError(
            expected="texts with labels (csv, tsv, jsonl, parquet, fastText lines or a folder per label)",
            found="plain lines of text",
            where=source.name,
            fix="give the file the ending of its format" + (f", or name it with {named}" if named else ""),
        )
    for line in source.plain_lines():
        yield Record(line, None, {"text": line})
