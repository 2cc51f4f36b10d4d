"""Trainings of a second."""

from __future__ import annotations

import pytest

from foretell.training.labels import network


@pytest.fixture(autouse=True, scope="module")
def short_folds():
    """The networks of the folds have six steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_EPOCHS", 2)
        patch.setattr(network, "_STEPS", 6)
        yield
