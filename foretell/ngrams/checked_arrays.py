"""Arrays of a model's file, and numbers of its JSON, checked as they are taken."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from foretell.arrays import Array, NgramKeys
from foretell.errors import ArtifactError


def checked_array(
    arrays: Mapping[str, Array], name: str, kind: type[np.generic], dimensions: int, length: int = -1
) -> Array:
    """Return a named array: finite numbers of a kind, so many axes, and a length of the first (-1: any).

    Raises:
        ArtifactError: it is missing, or another.
    """
    array = arrays.get(name)
    expected = f"{kind.__name__} of {dimensions} dimensions" + (f", length {length}" if length >= 0 else "")
    if array is None:
        raise wrong(name, expected, "none")
    if array.dtype != kind or array.ndim != dimensions or length not in (-1, len(array)):
        raise wrong(name, expected, f"{array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise wrong(name, "finite numbers", "NaN or infinity")
    return array


def checked_keys(arrays: Mapping[str, Array], name: str, end: int) -> NgramKeys:
    """Return named keys of n-grams, int64 [feature].

    Raises:
        ArtifactError: they are missing, or not distinct, ascending and from 0 to `end` - 1.
    """
    keys = checked_array(arrays, name, np.int64, 1)
    if not (keys[1:] > keys[:-1]).all() or (len(keys) and not 0 <= keys[0] <= keys[-1] < end):
        raise wrong(name, "distinct keys of n-grams, ascending", "others")
    return keys


def checked_weights(arrays: Mapping[str, Array], name: str, features: int) -> tuple[Array, Array]:
    """Return a linear model's weights, float32 [feature, column], and its bias, float32 [column].

    Raises:
        ArtifactError: one is missing, or another; or there is no column.
    """
    weights = checked_array(arrays, f"{name}/weights", np.float32, 2, features)
    bias = checked_array(arrays, f"{name}/bias", np.float32, 1)
    if not len(bias) or weights.shape[1] != len(bias):
        raise wrong(f"{name}/weights", f"{len(bias) or 'at least 1'} columns", str(weights.shape[1]))
    return weights, bias


def checked_numbers(
    values: object, name: str, low: float = -math.inf, high: float = math.inf, *, single: bool = False
) -> tuple[float, ...]:
    """Return the numbers of a list, or a `single` number, that a JSON object has under a name.

    Raises:
        ValueError: there are none, or one is not finite or not from `low` to `high`.
    """
    found = values.get(name) if isinstance(values, Mapping) else None
    numbers = [found] if single else found
    if not isinstance(numbers, list) or not all(_is_number(each, low, high) for each in numbers):
        raise ValueError(f"no finite numbers '{name}' from {low:g} to {high:g}")
    return tuple(map(float, numbers))


def _is_number(value: object, low: float, high: float) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and low <= value <= high


def wrong(name: str, expected: str, found: str) -> ArtifactError:
    """Return the error for an array that is not what it should be."""
    return ArtifactError(expected=expected, found=found, where=name, fix="train the model again")
