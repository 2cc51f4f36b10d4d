"""The optional parts of foretell: how each is installed, and whether what it needs is there."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from foretell.errors import MissingExtraError

TO_TRAIN = "pip install 'foretell[train]'"
TO_SERVE = "pip install 'foretell[serve]'"


def require(packages: Sequence[str], needed_by: str, install: str) -> None:
    """Check that packages are installed, without importing any.

    Args:
        packages: their import names.
        needed_by: what needs them, such as "training".
        install: the command that installs them.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is `install`.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            expected=f"{', '.join(packages)}, which {needed_by} needs",
            found=f"no {', '.join(missing)}",
            fix=install,
        )
