"""Arrays of a model's file, and numbers of its JSON, checked as they are taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Self

import numpy as np

from foretell.arrays import Array, NgramKeys
from foretell.errors import ArtifactError


def checked_array(
    arrays: Mapping[str, Array],
    name: str,
    kind: type[np.generic],
    dimensions: int,
    length: int = -1,
) -> Array:
    """Return a named array: finite numbers of a kind, so many axes, and a length of the first (-1:
    any).

    Raises:
        ArtifactError: it is missing, or another.
    """
    expected = f"{kind.__name__} of {dimensions} dimensions"
    if length >= 0:
        expected += f", length {length}"
    if name not in arrays:
        raise wrong(name, expected, "none")
    array = arrays[name]
    if array.dtype != kind or array.ndim != dimensions or length not in (-1, len(array)):
        raise wrong(name, expected, f"{array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise wrong(name, "finite numbers", "NaN or infinity")
    return array


def checked_keys(arrays: Mapping[str, Array], name: str, end: int) -> NgramKeys:
    """Return named keys of n-grams, int64 [feature], which are ascending and from 0 to `end` -
    1.
    """
    keys = checked_array(arrays, name, np.int64, 1)
    if not (keys[1:] > keys[:-1]).all() or (len(keys) and not 0 <= keys[0] <= keys[-1] < end):
        raise wrong(name, "distinct keys of n-grams, ascending", "others")
    return keys


def checked_weights(
    arrays: Mapping[str, Array], name: str, features: int = -1
) -> tuple[Array, Array]:
    """Return a linear model's weights, float32 [feature, column], and its bias, float32
    [column].
    """
    weights = checked_array(arrays, f"{name}/weights", np.float32, 2, features)
    bias = checked_array(arrays, f"{name}/bias", np.float32, 1)
    if not len(bias) or weights.shape[1] != len(bias):
        raise wrong(
            f"{name}/weights", f"{len(bias) or 'at least 1'} columns", str(weights.shape[1])
        )
    return weights, bias


@dataclass(frozen=True)
class Numbers:
    """A base of frozen dataclasses of floats and tuples of floats that config.json holds."""

    def to_dict(self) -> dict[str, float | list[float]]:
        return {
            name: list(number) if isinstance(number, tuple) else number
            for name, number in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: a number is missing, is not finite, or is out of its range.
        """
        found = values if isinstance(values, Mapping) else {}
        make: Callable[..., Self] = cls
        return make(**{field.name: _numbers(found.get(field.name), field) for field in fields(cls)})


def in_range(low: float, high: float = math.inf) -> dict[str, tuple[float, float]]:
    """Return the metadata of a field of `Numbers` whose numbers are from `low` to `high`."""
    return {"range": (low, high)}


def _numbers(found: object, field: Field[object]) -> float | tuple[float, ...]:
    low, high = field.metadata.get("range", (-math.inf, math.inf))
    is_single = field.type == "float"
    numbers = [found] if is_single else found
    if not isinstance(numbers, list) or not all(
        _is_number(number, low, high) for number in numbers
    ):
        raise ValueError(f"no finite numbers '{field.name}' from {low:g} to {high:g}")
    return float(numbers[0]) if is_single else tuple(map(float, numbers))


def _is_number(value: object, low: float, high: float) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and low <= value <= high


def wrong(name: str, expected: str, found: str) -> ArtifactError:
    """Return the error for an array that is not what it should be."""
    return ArtifactError(expected, found, where=name, fix="train the model again")
