"""What this machine has: usable processors and optional packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from foretell.errors import MissingExtraError
from foretell.installation import install_command


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    It is smaller than the machine's in a container or under `taskset`.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require(packages: Sequence[str], needed_by: str, extra: str) -> None:
    """Check that packages are installed, without importing any.

    Args:
        packages: their import names.
        needed_by: what needs them, such as "training".
        extra: of foretell that installs them.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs
            it.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            f"{', '.join(packages)}, which {needed_by} needs",
            f"no {', '.join(missing)}",
            fix=install_command(extra),
        )


def require_training() -> None:
    """Check that a model can be trained and saved here, without importing anything.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs
            it.
    """
    require(("tensorflow", "keras", "onnx"), "training", "train")
