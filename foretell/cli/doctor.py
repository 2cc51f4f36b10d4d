"""The command `doctor`: what is installed, what is missing, and what the machine has."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import groupby
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
    text = f"{_machine_text(found)}\n\n{dependencies_text(needed)}"
    write_report(format, {**found, "dependencies": rows}, text, list(rows[0]), rows)
    return int(any(not each.extra and not each.is_good for each in needed))


def machine(*, train: bool) -> dict[str, object]:
    """Return what this machine and this Python have; what is unknown is None.

    Args:
        train: whether TensorFlow is imported and asked for its devices.
    """
    from platformdirs import user_cache_path

    # Windows has no sysconf.
    has_sysconf = hasattr(os, "sysconf")
    return {
        "foretell": version(PACKAGE),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": usable_processors(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if has_sysconf else None,
        "blas": _blas(),
        "onnxruntime_providers": _providers(),
        "tensorflow_devices": _devices() if train else None,
        "cache": str(user_cache_path(PACKAGE)),
        "data": os.environ.get("FORETELL_DATA"),
    }


def _machine_text(found: dict[str, object]) -> str:
    """Return what `machine` found for people."""
    memory, folder = found["memory_bytes"], found["data"]
    where = "" if folder is None or Path(str(folder)).is_dir() else " (no such folder)"

    def joined(key: str, otherwise: str) -> str:
        return "; ".join(map(str, found[key] if isinstance(found[key], list) else ())) or otherwise  # type: ignore[call-overload]

    return listed([
        ("foretell", f"v{found['foretell']}"),
        ("python", f"v{found['python']} ({found['executable']})"),
        ("system", found["system"]),
        ("processors", f"{found['processors']} for this process"),
        ("memory", f"{memory / 2**30:.1f} GiB" if isinstance(memory, int) else "unknown"),
        ("BLAS", joined("blas", "unknown")),
        ("ONNX Runtime", joined("onnxruntime_providers", "not installed")),
        ("TensorFlow", joined("tensorflow_devices", "doctor --train lists its devices")),
        ("cache folder", found["cache"]),
        ("FORETELL_DATA", "not set" if folder is None else f"{folder}{where}"),
    ])  # fmt: skip


def _blas() -> list[str]:
    """Return the BLAS libraries that NumPy and SciPy use, with their threads."""
    try:
        import numpy as np  # noqa: F401 - loads its library
        import scipy.linalg  # noqa: F401 - likewise
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    names = (
        f"{each['internal_api']} {each['version']}, {each['num_threads']} threads "
        f"({each.get('architecture', '?')})"
        for each in threadpool_info()
        if each["user_api"] == "blas"
    )
    return list(dict.fromkeys(names))


def _providers() -> list[str]:
    """Return the execution providers of ONNX Runtime, the preferred one first."""
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())


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
    found = [each for line in requires(PACKAGE) or () if (each := _dependency(line)) is not None]
    return tuple(sorted(found, key=lambda each: (each.extra, each.name)))


def _dependency(line: str) -> Dependency | None:
    """Return the dependency that a line of metadata names; None where it does not apply to this machine."""
    from packaging.requirements import Requirement

    needed = Requirement(line)
    extra = (_EXTRA.findall(str(needed.marker)) or [""])[0]
    if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
        return None
    parts = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    installed = _version(needed.name) or (None if parts else _version(_SAME.get(needed.name, "")))
    return Dependency(
        name=needed.name + parts,
        extra=extra,
        versions=str(needed.specifier),
        installed=installed,
        is_good=installed is not None and needed.specifier.contains(installed, prereleases=True),
    )


def _version(package: str) -> str | None:
    try:
        return version(package) if package else None
    except PackageNotFoundError:
        return None


def dependencies_text(needed: Sequence[Dependency]) -> str:
    """Return the dependencies for people, a block for each extra, then what to install and for what."""
    blocks, advice = [], []
    for extra, group in groupby(needed, key=lambda each: each.extra):
        title = f"extra {extra} (optional)" if extra else "required"
        rows, missing = [], []
        for each in group:
            state = f"v{each.installed}" if each.installed else "missing"
            if not each.is_good:
                state += " (needs another)" if each.installed else ""
                old = f" {each.versions} (installed: {each.installed})" if each.installed else ""
                missing.append(each.name + old)
            rows.append((each.name, state, each.versions))
        blocks.append(f"{title}\n{aligned(rows, indent=2)}")
        if missing:
            install = f"pip install '{PACKAGE}[{extra}]'" if extra else _REINSTALL
            what = title.removesuffix(" (optional)")
            advice.append(f"{what}: missing {', '.join(missing)}; install with: {install}")
    return "\n\n".join([*blocks, "\n".join(advice) or "Everything is installed. Start with: foretell demo"])
