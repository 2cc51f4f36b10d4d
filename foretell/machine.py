"""What this machine has: the processors this process may use, and which optional parts are installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from foretell.errors import MissingExtraError

TO_TRAIN = "pip install 'foretell[train]'"
TO_SERVE = "pip install 'foretell[serve]'"
TO_READ_EXCEL = "pip install 'foretell[excel]'"
TO_USE_HUB = "pip install 'foretell[hub]'"
TO_READ_GLOVE = "pip install 'foretell[glove]'"

_TRAINING_PACKAGES = ("tensorflow", "keras", "onnx")


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    It is smaller than the machine's in a container or under `taskset`.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def require_training() -> None:
    """Check that a model can be trained and saved here, without importing anything.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs it.
    """
    require(_TRAINING_PACKAGES, "training", TO_TRAIN)
