"""What a worker writes its rows with: JSON Lines or Parquet, batch by batch, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, Protocol, SupportsFloat

from foretell.data.records import Record, is_missing
from foretell.errors import DataError

OutFormat = Literal["parquet", "jsonl"]

_BATCH = 1024
_INTEGERS = ("tokens", "words", "characters", "bytes", "unknown")
_FLOATS = ("probability", "log_probability", "perplexity", "bits_per_character", "bits_per_byte")
_INT64 = 1 << 63


class RowWriter(Protocol):
    """Writes rows to a file."""

    left_out: set[str]
    """The columns that the file has no place for."""

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row."""

    def close(self) -> None:
        """Finish the file."""


def column_types(sample: Sequence[Record], names: Sequence[str]) -> dict[str, str]:
    """Return the type of each column in Parquet, by the first records: int64, double, bool, string or json.

    Values of several types, lists and objects are written as JSON in a column of strings.
    """
    types = {}
    for name in names:
        values = [record.fields.get(name) for record in sample]
        kinds = {_kind(value) for value in values if not is_missing(value)}
        if kinds == {"int64", "double"}:
            kinds = {"double"}
        types[name] = kinds.pop() if len(kinds) == 1 else "json" if kinds else "string"
    return types


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64" if -_INT64 <= value < _INT64 else "json"
    if isinstance(value, float):
        return "double"
    return "string" if isinstance(value, str) else "json"


def as_json(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> float | str:
    """Return a value that JSON has no type for: NumPy's and decimal numbers as numbers, dates as text."""
    return float(value) if isinstance(value, SupportsFloat) else str(value)


class JsonWriter:
    """Writes one JSON object a line. A column that only some rows have is written where it is there."""

    def __init__(self, path: Path, taken: Sequence[str]) -> None:
        self.left_out: set[str] = set()
        self._taken = frozenset(taken)
        self._file: IO[bytes] = path.open("xb")

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row."""
        self.left_out |= self._taken & columns.keys()
        # A lone surrogate, which UTF-8 cannot encode, is written as a JSON escape.
        line = as_json({**columns, **answer})
        self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class ParquetWriter:
    """Writes Parquet with the same columns for every shard.

    Args:
        path: the new file.
        types: the type of each kept column; see `column_types`.
        names: the name of each part of the answer.
        labels: of the model; () for a model for words.
        where: the shard, for errors.
    """

    def __init__(
        self,
        path: Path,
        types: Mapping[str, str],
        names: Mapping[str, str],
        labels: Sequence[str],
        where: str,
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.left_out: set[str] = set()
        self._types, self._where, self._label = dict(types), where, names.get("label", "")
        answer = [pa.field(names[part], _answer_type(part, labels)) for part in names]
        columns = [pa.field(name, _arrow_type(kind)) for name, kind in types.items()]
        self._schema = pa.schema([*columns, *answer])
        self._file: IO[bytes] = path.open("xb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._rows: list[dict[str, object]] = []

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row.

        Raises:
            DataError: a value of another type than in the first records.
        """
        self.left_out |= columns.keys() - self._types.keys()
        label = answer.get(self._label)
        if label is not None and not isinstance(label, str):
            # The column is text for every model.
            answer = {**answer, self._label: str(label)}
        self._rows.append(
            {
                **{name: self._fitting(name, columns.get(name)) for name in self._types},
                **answer,
            }
        )
        if len(self._rows) >= _BATCH:
            self._flush()

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=self._schema))
            self._rows = []

    def _fitting(self, name: str, value: object) -> object:
        if value is None:
            return None
        kind = self._types[name]
        found = _kind(value)
        if kind == "json":
            return as_json(value).encode("utf-8", "backslashreplace").decode()
        if kind == "string" and isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        if found == kind or (kind, found) == ("double", "int64"):
            return value
        raise DataError(
            expected=f"a {kind} in the column '{name}', as in the first records",
            found=repr(value)[:40],
            where=self._where,
            fix="write JSON Lines (--out-format jsonl)",
        )


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    types = {"int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}
    return types.get(kind, pa.string())


def _answer_type(part: str, labels: Sequence[str]) -> Any:
    import pyarrow as pa

    if part in _INTEGERS:
        return pa.int64()
    if part in _FLOATS:
        return pa.float64()
    if part == "probabilities":
        return pa.struct([(label, pa.float64()) for label in labels])
    return pa.list_(pa.string()) if part == "flags" else pa.string()
