"""What this machine has: usable processors, optional packages, and the content of files by its
SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from foretell.errors import MissingExtraError


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    It is smaller than the machine's in a container or under `taskset`.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
            expected=f"{', '.join(packages)}, which {needed_by} needs",
            found=f"no {', '.join(missing)}",
            fix=f"pip install 'foretell[{extra}]'",
        )


def require_training() -> None:
    """Check that a model can be trained and saved here, without importing anything.

    Raises:
        MissingExtraError: one of the packages is not installed; `fix` is the command that installs
            it.
    """
    require(("tensorflow", "keras", "onnx"), "training", "train")


def sha256_of(*files: Path) -> str:
    """Return the SHA-256 of the contents of files, one after another, in hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
