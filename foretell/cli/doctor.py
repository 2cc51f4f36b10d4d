"""The command `doctor`: what the machine has, and what is not installed."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from foretell.cli.options import AS_TEXT, OutputOptions
from foretell.cli.output import listed, write_report
from foretell.installation import PACKAGE, command, install_command
from foretell.machine import require, usable_processors

_EXTRA = re.compile(r"""extra == ['"]([\w.-]+)['"]""")

# One package in two builds: either will do.
_SAME = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}


def doctor(*, train: bool = False, output: OutputOptions = AS_TEXT) -> int:
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
        if isinstance(value, list):
            value = "; ".join(value)
        shown.append((name.replace("_", " "), str(value or "-")))
    text = f"{listed(shown)}\n\n{missing_text(needed)}"
    write_report(format, {**facts, "missing": needed}, text, _COLUMNS, needed)
    return int(any(not each["extra"] for each in needed))


def machine(*, train: bool) -> dict[str, object]:
    """Return what this machine and this Python have; what is unknown is None.

    Args:
        train: whether TensorFlow is imported and asked for its devices.
    """
    from platformdirs import user_cache_path

    facts: dict[str, object] = {
        "foretell": version(PACKAGE),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": usable_processors(),
        "memory_bytes": None,
        "onnxruntime_providers": None,
        "tensorflow_devices": None,
        "cache": str(user_cache_path(PACKAGE)),
        "data": os.environ.get("FORETELL_DATA"),
    }
    # Windows has no sysconf.
    if hasattr(os, "sysconf"):
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(ImportError):
        from onnxruntime import get_available_providers

        facts["onnxruntime_providers"] = get_available_providers()
    if train:
        facts["tensorflow_devices"] = _devices()
    if facts["data"] and not Path(str(facts["data"])).is_dir():
        facts["data"] = f"{facts['data']} (no such folder)"
    return facts


def _devices() -> list[str]:
    from foretell.training.quiet import require_tensorflow

    require_tensorflow()
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

    rows = []
    for needed in map(Requirement, requires(PACKAGE) or ()):
        extra = (_EXTRA.findall(str(needed.marker)) or [""])[0]
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
            continue
        if extra == "train-gpu" and _version("tensorflow-cpu"):
            # Both are one Python package: no environment has the two.
            continue
        builds = [needed.name]
        name = needed.name
        if needed.extras:
            name += f"[{','.join(sorted(needed.extras))}]"
        elif name in _SAME:
            builds.append(_SAME[name])
        installed = next(filter(None, map(_version, builds)), None)
        if installed is None or not needed.specifier.contains(installed, prereleases=True):
            row = (extra, name, str(needed.specifier), installed, install_command(extra))
            rows.append(dict(zip(_COLUMNS, row, strict=True)))
    return sorted(rows, key=itemgetter("extra", "package"))


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def missing_text(needed: Sequence[Mapping[str, str | None]]) -> str:
    """Return what is missing for people: a line for each extra, with the command that installs
    it.
    """
    lines = []
    for extra, group in groupby(needed, key=itemgetter("extra")):
        rows = list(group)
        what = f"extra {extra}" if extra else "required"
        old = "{package} {versions} (installed: {installed})"
        names = [(old if row["installed"] else "{package}").format(**row) for row in rows]
        install = rows[0]["install"]
        lines.append(f"{what}: missing {', '.join(names)}; install with: {install}")
    return "\n".join(lines) or f"Everything is installed. Start with: {command('demo')}"
