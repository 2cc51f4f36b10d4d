"""Arrays of a model's file, checked as they are taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from foretell.arrays import Array
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
    expected = f"{kind.__name__} of {dimensions} dimensions"
    if array is None:
        raise wrong(name, expected, "none")
    if array.dtype != kind or array.ndim != dimensions or length not in (-1, len(array)):
        raise wrong(name, expected, f"{array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise wrong(name, "finite numbers", "NaN or infinity")
    return array


def wrong(name: str, expected: str, found: str) -> ArtifactError:
    """Return the error for an array that is not what it should be."""
    return ArtifactError(expected=expected, found=found, where=name, fix="train the model again")
