"""The weights of a linear model with many labels, most of which are zero, feature by feature.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Array, Float32s, Floats, Integers, ranges
from foretell.ngrams.checked_arrays import checked_array, wrong

_CELLS_AT_ONCE = 1 << 22
"""Products that are computed at a time: a bound on the memory."""


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Weights [feature, column], of which only some are stored.

    Attributes:
        starts: [feature + 1]; feature i has the entries starts[i]:starts[i + 1].
        columns: [entry], the column of each.
        values: float32 [entry], the weight.
        n_columns: number of columns.
    """

    starts: Integers
    columns: Integers
    values: Float32s
    n_columns: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, weights: Float32s) -> SparseWeights:
        """Return the weights [feature, column] that are not zero."""
        features, columns = np.nonzero(weights)
        starts = np.searchsorted(features, np.arange(len(weights) + 1))
        numbers = columns.astype(np.int32)
        return cls(starts, numbers, weights[features, columns], weights.shape[1])

    @classmethod
    def stacked(cls, parts: Sequence[SparseWeights]) -> SparseWeights:
        """Return the weights of features that follow one another."""
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return cls(
            np.append(0, np.cumsum(lengths)),
            np.concatenate([part.columns for part in parts]),
            np.concatenate([part.values for part in parts]),
            parts[0].n_columns,
        )

    def sums(self, texts: Integers, features: Integers, values: Floats, n_texts: int) -> Floats:
        """Return float64 [text, column]: the values of each text times the weights.

        Args:
            texts: [value], ascending.
            features: [value].
            values: [value].
            n_texts: number of texts.
        """
        result = np.zeros(n_texts * self.n_columns)
        lengths = np.diff(self.starts)[features]
        ends = np.cumsum(lengths)
        first = 0
        while first < len(texts):
            done = ends[first - 1] if first else 0
            last = int(np.searchsorted(ends, done + _CELLS_AT_ONCE, side="right"))
            part = slice(first, max(last, first + 1))
            entries = ranges(self.starts[features[part]], lengths[part])
            cells = np.repeat(texts[part].astype(np.int64), lengths[part]) * self.n_columns
            cells += self.columns[entries]
            # In the order of the values: a text's sums do not depend on the others.
            np.add.at(result, cells, np.repeat(values[part], lengths[part]) * self.values[entries])
            first = part.stop
        return result.reshape(n_texts, self.n_columns)

    def times(self, factor: float) -> SparseWeights:
        """Return the weights times `factor`."""
        return replace(self, values=np.float32(factor) * self.values)

    def __getitem__(self, features: Integers) -> SparseWeights:
        """Return the weights of some features."""
        lengths = np.diff(self.starts)[features]
        entries = ranges(self.starts[features], lengths)
        return replace(
            self,
            starts=np.append(0, np.cumsum(lengths)),
            columns=self.columns[entries],
            values=self.values[entries],
        )

    def moved(self, columns: Integers, n_columns: int) -> SparseWeights:
        """Return the weights with each column at its new place; others have zeros."""
        return replace(self, columns=columns[self.columns], n_columns=n_columns)

    def to_arrays(self) -> dict[str, Array]:
        """Return the weights as named arrays; `from_arrays` takes them back."""
        return {
            "starts": self.starts.astype(np.uint32),
            "columns": self.columns.astype(_column_type(self.n_columns)),
            "values": self.values,
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], name: str, n_features: int, n_columns: int
    ) -> SparseWeights:
        """Rebuild what `to_arrays` returned, from arrays whose names begin with `name`.

        Raises:
            ArtifactError: an array is missing, or has another type, length or order, or a number
                out of its range.
        """
        values = checked_array(arrays, f"{name}/values", np.float32, 1)
        columns = checked_array(arrays, f"{name}/columns", _column_type(n_columns), 1, len(values))
        starts = checked_array(arrays, f"{name}/starts", np.uint32, 1, n_features + 1)
        starts = starts.astype(np.int64)
        if starts[0] != 0 or starts[-1] != len(values) or (np.diff(starts) < 0).any():
            raise wrong(f"{name}/starts", f"ascending places up to {len(values):,}", "others")
        if columns.max(initial=0) >= n_columns:
            raise wrong(f"{name}/columns", f"numbers below {n_columns:,}", str(columns.max()))
        return cls(starts, columns, values, n_columns)


def _column_type(n_columns: int) -> type[np.uint16 | np.uint32]:
    """Return the type of stored columns."""
    return np.uint16 if n_columns <= 1 << 16 else np.uint32
