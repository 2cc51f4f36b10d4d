"""Arrays of a model's file, checked as they are taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from foretell.arrays import Array, NgramKeys
from foretell.errors import ArtifactError


def checked_array(
    arrays: Mapping[str, Array], name: str, kind: type[np.generic], dimensions: int, length: int = -1
) -> Array:
    """Return a named array.

    Args:
        arrays: the arrays of a file.
        name: which one.
        kind: the type of its numbers, which are finite.
        dimensions: the number of its axes.
        length: of the first axis; -1: any.

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


def wrong(name: str, expected: str, found: str) -> ArtifactError:
    """Return the error for an array that is not what it should be."""
    return ArtifactError(expected=expected, found=found, where=name, fix="train the model again")
