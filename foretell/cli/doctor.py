"""The command `doctor`: what the machine has, and what is not installed."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from foretell.cli.options import AS_TEXT, Output
from foretell.cli.output import listed, write_report
from foretell.installation import PACKAGE, command, install_command
from foretell.machine import require, require_training, usable_processors

_EXTRA = re.compile(r"""extra == ['"]([\w.-]+)['"]""")

# One package in two builds: either will do.
_SAME = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}


def doctor(*, train: bool = False, output: Output = AS_TEXT) -> int:
    """Show what the machine has and which packages are missing; return 1 where predictions cannot
    work.

    Args:
        train: Also import TensorFlow and list the devices that it trains on. Takes seconds.
    """
    format = output.chosen()
    facts = machine(train=train)
    needed = missing()
    shown = []
    for name, value in facts.items():
        every = value if isinstance(value, list) else [value or "-"]
        shown.append((name.replace("_", " "), "; ".join(map(str, every))))
    text = f"{listed(shown)}\n\n{missing_text(needed)}"
    write_report(format, {**facts, "missing": needed}, text, _COLUMNS, needed)
    return int(any(not each["extra"] for each in needed))


def machine(*, train: bool) -> dict[str, object]:
    """Return what this machine and this Python have; what is unknown is None.

    Args:
        train: whether TensorFlow is imported and asked for its devices.
    """
    from platformdirs import user_cache_path

    try:
        import onnxruntime
    except ImportError:
        onnxruntime = None
    # Windows has no sysconf.
    has_sysconf = hasattr(os, "sysconf")
    data = os.environ.get("FORETELL_DATA")
    return {
        "foretell": version(PACKAGE),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": usable_processors(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if has_sysconf
        else None,
        "onnxruntime_providers": onnxruntime and list(onnxruntime.get_available_providers()),
        "tensorflow_devices": _devices() if train else None,
        "cache": str(user_cache_path(PACKAGE)),
        "data": data if data is None or Path(data).is_dir() else f"{data} (no such folder)",
    }


def _devices() -> list[str]:
    from foretell.training.quiet import load_tensorflow

    require_training()
    load_tensorflow()
    import tensorflow as tf

    return [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]


_COLUMNS = ("extra", "package", "versions", "installed", "install")


def missing() -> list[dict[str, str | None]]:
    """Return what is missing or too old on this machine: what is required, then what each extra
    needs.

    A row has the extra that needs the package ("": foretell itself does), its name with its own
    extras, the versions that will do, the installed one, which is too old (None: there is none),
    and the command that installs it.
    """
    require(("packaging",), "foretell doctor", "train")
    from packaging.requirements import Requirement

    found = []
    for needed in map(Requirement, requires(PACKAGE) or ()):
        extra = (_EXTRA.findall(str(needed.marker)) or [""])[0]
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
            continue
        if extra == "train-gpu" and _version("tensorflow-cpu"):
            # Both are one Python package: no environment has the two.
            continue
        parts = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
        builds = (needed.name,) if parts else (needed.name, _SAME.get(needed.name, ""))
        installed = next(filter(None, map(_version, builds)), None)
        if installed is None or not needed.specifier.contains(installed, prereleases=True):
            install = install_command(extra)
            row = (extra, needed.name + parts, str(needed.specifier), installed, install)
            found.append(row)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in sorted(found, key=lambda row: row[:2])]


def _version(package: str) -> str | None:
    try:
        return version(package) if package else None
    except PackageNotFoundError:
        return None


def missing_text(needed: Sequence[Mapping[str, str | None]]) -> str:
    """Return what is missing for people: a line for each extra, with the command that installs
    it.
    """
    lines = []
    for extra, group in groupby(needed, key=itemgetter("extra")):
        parts = list(group)
        what = f"extra {extra}" if extra else "required"
        old = "{package} {versions} (installed: {installed})"
        names = ", ".join(
            (old if each["installed"] else "{package}").format(**each) for each in parts
        )
        lines.append(f"{what}: missing {names}; install with: {parts[0]['install']}")
    return "\n".join(lines) or f"Everything is installed. Start with: {command('demo')}"
