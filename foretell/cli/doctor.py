"""The command `doctor`: what is installed, what is missing, and what the machine has."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from foretell.cli.options import AS_TEXT, Output
from foretell.cli.output import aligned, listed, write_report
from foretell.machine import require, require_training, usable_processors

PACKAGE = "foretell"
_EXTRA = re.compile(r"""extra == ['"]([\w.-]+)['"]""")
_REINSTALL = f"pip install --force-reinstall {PACKAGE}"

# One package in two builds: either will do.
_SAME = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}


def doctor(*, train: bool = False, output: Output = AS_TEXT) -> int:
    """List what is installed and what the machine has; return 1 where predictions cannot work.

    Args:
        train: Also import TensorFlow and list the devices that it trains on. Takes seconds.
    """
    format = output.chosen()
    needed, found = dependencies(), machine(train=train)
    rows = [asdict(each) for each in needed]
    facts = []
    for name, value in found.items():
        shown = "; ".join(map(str, value)) if isinstance(value, list) else "-" if value is None else value
        facts.append((name.replace("_", " "), shown))
    text = f"{listed(facts)}\n\n{dependencies_text(needed)}"
    write_report(format, {**found, "dependencies": rows}, text, list(rows[0]), rows)
    return int(any(not each.extra and not each.is_good for each in needed))


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
    has_sysconf, data = hasattr(os, "sysconf"), os.environ.get("FORETELL_DATA")
    return {
        "foretell": version(PACKAGE),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": usable_processors(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if has_sysconf else None,
        "onnxruntime_providers": onnxruntime and list(onnxruntime.get_available_providers()),
        "tensorflow_devices": _devices() if train else None,
        "cache": str(user_cache_path(PACKAGE)),
        "data": data if data is None or Path(data).is_dir() else f"{data} (no such folder)",
    }


def _devices() -> list[str]:
    """Return the devices that TensorFlow trains on."""
    from foretell.training.quiet import load_tensorflow

    require_training()
    load_tensorflow()
    import tensorflow as tf

    return [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One package that foretell depends on.

    Attributes:
        name: of the package, with its own extras: "tensorflow[and-cuda]".
        extra: of foretell that needs it; "" where foretell always does.
        versions: the versions that will do, such as ">=1.22".
        installed: the installed version; None: it is missing.
        is_good: whether an installed version will do.
    """

    name: str
    extra: str
    versions: str
    installed: str | None
    is_good: bool


def dependencies() -> tuple[Dependency, ...]:
    """Return every dependency that applies to this machine: the required ones, then those of each extra."""
    require(("packaging",), "foretell doctor", _REINSTALL)
    from packaging.requirements import Requirement

    found = []
    for needed in map(Requirement, requires(PACKAGE) or ()):
        extra = (_EXTRA.findall(str(needed.marker)) or [""])[0]
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
            continue
        parts = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
        builds = (needed.name,) if parts else (needed.name, _SAME.get(needed.name, ""))
        installed = next(filter(None, map(_version, builds)), None)
        is_good = installed is not None and needed.specifier.contains(installed, prereleases=True)
        found.append(
            Dependency(
                name=needed.name + parts, extra=extra, versions=str(needed.specifier), installed=installed,
                is_good=is_good,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda each: (each.extra, each.name)))


def _version(package: str) -> str | None:
    try:
        return version(package) if package else None
    except PackageNotFoundError:
        return None


def dependencies_text(needed: Sequence[Dependency]) -> str:
    """Return the dependencies for people as a table, then what to install and for what."""
    rows, missing = [("package", "installed", "needs", "for")], dict[str, list[str]]()
    for each in needed:
        what, state = f"extra {each.extra}" if each.extra else "required", "missing"
        if each.installed:
            state = f"v{each.installed}{'' if each.is_good else ', too old'}"
        if not each.is_good:
            found = f" {each.versions} (installed: {each.installed})" if each.installed else ""
            missing.setdefault(each.extra, []).append(each.name + found)
        rows.append((each.name, state, each.versions, what))
    advice = []
    for extra, names in missing.items():
        what = f"extra {extra}" if extra else "required"
        install = f"pip install '{PACKAGE}[{extra}]'" if extra else _REINSTALL
        advice.append(f"{what}: missing {', '.join(names)}; install with: {install}")
    end = "\n".join(advice) or "Everything is installed. Start with: foretell demo"
    return f"{aligned(rows)}\n\n{end}"
