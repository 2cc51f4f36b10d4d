"""Whether what training needs is installed: the extra `foretell[train]`."""

from __future__ import annotations

from foretell.extras import TO_TRAIN, require

PACKAGES = ("tensorflow", "keras", "onnx")


def require_training() -> None:
    """Check that a model can be trained and saved here, without importing anything.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs it.
    """
    require(PACKAGES, "training", TO_TRAIN)
