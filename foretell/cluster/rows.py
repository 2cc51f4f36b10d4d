"""The output row of an input row: its columns, the parts of the answer under free names, and its file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from foretell.data.records import Record, is_missing, text_of
from foretell.errors import DataError
from foretell.readable import json_line

if TYPE_CHECKING:
    from foretell.runtime.labels.verdict import Verdict

OutFormat = Literal["parquet", "jsonl"]

ANSWER = ("label", "probability", "probabilities", "reason", "flags")
"""The parts of the answer of a model for labels, in the order in which they are written."""
LABELS = "labels"
"""A further part of the answer, where texts may have several labels: a list of them."""
SCORE = (
    "tokens", "words", "characters", "bytes", "unknown", "log_probability", "perplexity",
    "bits_per_character", "bits_per_byte", "reason",
)  # fmt: skip
"""The parts of the answer of `score`: `foretell.runtime.words.scoring.Score`, and why there is none."""

_BATCH = 1024


def free_names(columns: Sequence[str] | Mapping[str, object], parts: Sequence[str]) -> dict[str, str]:
    """Return a name for each part of the answer: where a column has it, `foretell_` is put in front."""
    names = {}
    for part in parts:
        name = part
        while name in columns:
            name = f"foretell_{name}"
        names[part] = name
    return names


def kept(record: Record) -> dict[str, object]:
    """Return the columns of a record with None for every kind of missing value, as JSON has it."""
    return {
        name: value if type(value) is str or not is_missing(value) else None
        for name, value in record.fields.items()
    }


def verdict_parts(verdict: Verdict) -> dict[str, object]:
    """Return the parts of the answer of a model for labels."""
    verdict = verdict.plain()
    return {
        "label": verdict.label,
        "probability": round(float(verdict.probability), 6),
        "probabilities": {name: round(float(p), 6) for name, p in verdict.probabilities.items()},
        "reason": verdict.reason,
        "flags": list(verdict.flags),
    }


def no_answer(parts: Sequence[str], reason: str) -> dict[str, object]:
    """Return the answer of a row that has none."""
    empty: dict[str, object] = {"label": "", "flags": []} if "flags" in parts else {}
    return {**dict.fromkeys(parts), **empty, "reason": reason}


def schema_of(sample: Sequence[Record], names: Sequence[str]) -> str:
    """Return Arrow's schema of the kept columns in Parquet, by the first records, in base64.

    A column whose values Arrow gives no common type is of strings; `ParquetWriter` writes them.
    """
    import pyarrow as pa

    fields = []
    for name in names:
        values = [kept(record).get(name) for record in sample]
        try:
            kind = pa.array(values).type
        except (pa.ArrowException, TypeError, OverflowError):
            kind = pa.string()
        fields.append(pa.field(name, pa.string() if pa.types.is_null(kind) else kind))
    return base64.b64encode(pa.schema(fields).serialize()).decode()


class Writer:
    """Writes rows, one JSON object a line; a column that only some rows have is written where it is there.

    Attributes:
        left_out: columns that were left out.
    """

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self.left_out: set[str] = set()
        self._names = names
        self._file: IO[bytes] = path.open("xb")

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row."""
        named = {self._names[part]: value for part, value in answer.items()}
        self.left_out |= named.keys() & columns.keys()
        # A lone surrogate, which UTF-8 cannot encode, is written as a JSON escape.
        self._file.write(json_line({**columns, **named}).encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def writer_of(path: Path, names: Mapping[str, str], schema: str, labels: Sequence[str], where: str) -> Writer:
    """Return what writes the rows of a shard.

    Args:
        path: the new file.
        names: the name of each part of the answer.
        schema: of the kept columns in Parquet, see `schema_of`; "": JSON Lines.
        labels: of the model; () for a model for words.
        where: the shard, for errors.
    """
    return ParquetWriter(path, names, schema, labels, where) if schema else Writer(path, names)


class ParquetWriter(Writer):
    """Writes Parquet with the same columns for every shard, batch by batch; see `writer_of`."""

    def __init__(
        self, path: Path, names: Mapping[str, str], schema: str, labels: Sequence[str], where: str
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(path, names)
        self._where = where
        columns = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schema)))
        self._kept, self._strings = columns.names, {x.name for x in columns if x.type == pa.string()}
        types: dict[str, Any] = dict.fromkeys(SCORE[:5], pa.int64())
        types |= dict.fromkeys(("probability", *SCORE[5:9]), pa.float64())
        types["probabilities"] = pa.struct([(label, pa.float64()) for label in labels])
        types["flags"] = pa.list_(pa.string())
        answer = [(name, types.get(part, pa.string())) for part, name in names.items()]
        self._schema = pa.schema([*columns, *answer])
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._rows: list[dict[str, object]] = []

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row."""
        self.left_out |= columns.keys() - set(self._kept)
        named = {self._names[part]: value for part, value in answer.items()}
        if answer.get("label") is not None:
            # The column is text for every model.
            named[self._names["label"]] = str(answer["label"])
        row = {name: columns.get(name) for name in self._kept}
        row |= {name: _text(row[name]) for name in self._strings if row[name] is not None}
        self._rows.append(row | named)
        if len(self._rows) >= _BATCH:
            self._flush()

    def close(self) -> None:
        """Finish the file."""
        with self._file, self._writer:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        rows, self._rows = self._rows, []
        try:
            if rows:
                self._writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=self._schema))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise DataError(
                expected="values of the types that the columns have in the first records",
                found=f"another one ({' '.join(str(error).split()):.100})",
                where=self._where,
                fix="write JSON Lines (--out-format jsonl)",
            ) from error


def _text(value: object) -> str:
    text = json_line(value) if isinstance(value, list | dict) else text_of(value)
    # A lone surrogate has no place in UTF-8.
    return text.encode("utf-8", "replace").decode()
