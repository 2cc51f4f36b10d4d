"""Trainings of a second."""

from __future__ import annotations

import pytest

from foretell.training.labels import fold_networks


@pytest.fixture(autouse=True, scope="module")
def short_folds():
    """The networks of the folds have six steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_networks, "_EPOCHS", 2)
        patch.setattr(fold_networks, "_STEPS", 6)
        yield
