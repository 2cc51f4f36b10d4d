"""Whether what training needs is installed: the extra `foretell[train]`."""

from __future__ import annotations

from importlib.util import find_spec

from foretell.errors import MissingExtraError

INSTALL = "pip install 'foretell[train]'"
PACKAGES = ("tensorflow", "keras", "onnx")


def require_training() -> None:
    """Check that a model can be trained and saved here, without importing anything.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs it.
    """
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            expected=f"{', '.join(PACKAGES)}, which training needs",
            found=f"no {', '.join(missing)}",
            fix=INSTALL,
        )
