"""What this machine has: usable processors, memory and optional packages."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from foretell.errors import MissingExtraError
from foretell.installation import install_command


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    It is smaller than the machine's in a container or under `taskset`.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_SYSTEM = Path("/")
_USED_BY_LIMIT = {
    "memory.max": "memory.current",
    "memory.limit_in_bytes": "memory.usage_in_bytes",
}
"""The files of a control group, of version 2 and of version 1."""


def memory_left() -> float:
    """Return the bytes that this process may still take; infinity where the system does not tell.

    On Linux it is what is available, or less where the control group of a container or a service
    has a limit.
    """
    left = [math.inf]
    with suppress(OSError):
        information = (_SYSTEM / "proc/meminfo").read_text()
        left += [1024.0 * int(each) for each in re.findall(r"MemAvailable: *(\d+)", information)]
    with suppress(OSError):
        for line in (_SYSTEM / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(",") or not controllers:
                left += _left_in_groups(_SYSTEM / "sys/fs/cgroup" / controllers, path.strip("/"))
    return min(left)


def _left_in_groups(root: Path, path: str) -> Iterator[float]:
    """Yield what a control group leaves, and each group above it."""
    folder = root / path
    for group in (folder, *folder.parents):
        for limit, used in _USED_BY_LIMIT.items():
            # No such file, or "max": there is no limit.
            with suppress(OSError, ValueError):
                most = int((group / limit).read_text())
                # Pages of files that have been read once are given back first.
                statistics = (group / "memory.stat").read_text()
                cached = re.search(r"^inactive_file (\d+)", statistics, re.MULTILINE)
                yield most - int((group / used).read_text()) + int(cached[1] if cached else 0)
        if group == root:
            break


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
