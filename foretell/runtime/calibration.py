"""A model's calibration, which must fit the model: one error for whatever does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from foretell.artifacts.directory import Opened
from foretell.errors import ArtifactError


@contextmanager
def that_must_fit(opened: Opened) -> Iterator[None]:
    """Read the calibration of `opened` in here.

    Raises:
        ArtifactError: in place of a ValueError, KeyError or TypeError.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            expected="a calibration that fits this model",
            found=str(error)[:200],
            where=str(opened.path / "config.json"),
        ) from error
