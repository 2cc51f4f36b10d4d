"""What trainings that continue a model share."""

from __future__ import annotations

import pytest

from foretell.config import with_changes
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS
from foretell.training.ancestry import check_unchanged

OWN = LABELS_PRESETS["base"]


def test_a_setting_that_stays_may_not_change() -> None:
    other = with_changes(OWN, {"units": 3, "epochs": 2})
    check_unchanged(OWN, other, ("network", "tokens"), name=None, changes={"units": 3}, data="data")
    with pytest.raises(
        SettingsError, match=r"units 64, as in the model to continue, found 3; .* on all data"
    ):
        check_unchanged(OWN, other, ("units",), name=None, changes={"units": 3}, data="data")
    with pytest.raises(SettingsError, match=r"found 3 \(preset quick\); .* on all text"):
        check_unchanged(OWN, other, ("units",), name="quick", changes={}, data="text")
