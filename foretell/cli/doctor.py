"""The command `doctor`: what is installed, what is missing, and what the machine has."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from foretell.cli.dependencies import REQUIRED, Dependency, dependencies, install_command, lacking
from foretell.cli.options import AS_TEXT, Output, Switch
from foretell.cli.output import Writer, aligned, listed, show, write_object
from foretell.machine import usable_processors


def doctor(*, train: Switch = False, output: Output = AS_TEXT) -> int:
    """List what is installed and what the machine has; return 1 where predictions cannot work.

    Args:
        train: Also import TensorFlow and list the devices that it trains on. Takes seconds.
    """
    needed = dependencies()
    format = output.chosen()
    if format == "text":
        show(listed(_machine_rows(machine(train=train))))
        show(f"\n{dependencies_text(needed)}\n\n{advice(needed)}")
    elif format == "jsonl":
        write_object({**machine(train=train), "dependencies": [asdict(each) for each in needed]})
    else:
        rows = [asdict(each) for each in needed]
        writer = Writer(format, list(rows[0]))
        for row in rows:
            writer.write(row, "")
    return int(any(each.extra == REQUIRED and not each.is_good for each in needed))


def machine(*, train: bool) -> dict[str, Any]:
    """Return what this machine and this Python have.

    Args:
        train: whether TensorFlow is imported and asked for its devices.
    """
    from platformdirs import user_cache_path

    return {
        "foretell": version("foretell"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": usable_processors(),
        "memory_bytes": _memory(),
        "blas": _blas(),
        "onnxruntime_providers": _providers(),
        "tensorflow_devices": _devices() if train else None,
        "cache": str(user_cache_path("foretell")),
        "FORETELL_DATA": os.environ.get("FORETELL_DATA"),
    }


def dependencies_text(needed: tuple[Dependency, ...]) -> str:
    """Return the dependencies for people: the required ones, then a block for each extra."""
    blocks = []
    for extra, group in groupby(needed, key=lambda each: each.extra):
        title = f"extra {extra} (optional)" if extra else "required"
        rows = [(each.name, _state(each), each.versions) for each in group]
        blocks.append(f"{title}\n{aligned(rows, indent=2)}")
    return "\n\n".join(blocks)


def advice(needed: tuple[Dependency, ...]) -> str:
    """Return what to install, and for what."""
    lines = []
    for extra, group in groupby(needed, key=lambda each: each.extra):
        if missing := lacking(group):
            what = f"extra {extra}" if extra else "required"
            lines.append(f"{what}: missing {', '.join(missing)}; install with: {install_command(extra)}")
    return "\n".join(lines) or "Everything is installed. Start with: foretell demo"


def _state(dependency: Dependency) -> str:
    if dependency.installed is None:
        return "missing"
    return f"v{dependency.installed}" if dependency.is_good else f"v{dependency.installed} (needs another)"


def _machine_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    memory, folder, devices = facts["memory_bytes"], facts["FORETELL_DATA"], facts["tensorflow_devices"]
    rows = [
        ("foretell", f"v{facts['foretell']}"),
        ("python", f"v{facts['python']} ({facts['executable']})"),
        ("system", facts["system"]),
        ("processors", f"{facts['processors']} for this process"),
        ("memory", "unknown" if memory is None else f"{memory / 2**30:.1f} GiB"),
        ("BLAS", "; ".join(facts["blas"]) or "unknown"),
        ("ONNX Runtime", ", ".join(facts["onnxruntime_providers"]) or "not installed"),
        ("TensorFlow", "doctor --train lists its devices" if devices is None else ", ".join(devices)),
        ("cache folder", facts["cache"]),
    ]
    where = "not set" if folder is None else f"{folder}{'' if Path(folder).is_dir() else ' (no such folder)'}"
    return [*rows, ("FORETELL_DATA", where)]


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Windows has no sysconf.
    except (AttributeError, ValueError, OSError):
        return None


def _blas() -> list[str]:
    """Return the BLAS libraries that NumPy and SciPy use, with their threads."""
    try:
        import numpy as np  # noqa: F401 - loads its library
        import scipy.linalg  # noqa: F401 - likewise
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    names = (
        f"{each['internal_api']} {each['version']}, {each['num_threads']} threads, "
        f"{each.get('architecture', '?')}"
        for each in libraries
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
    from foretell.cli.tensorflow import load_tensorflow
    from foretell.machine import require_training

    require_training()
    load_tensorflow()
    import tensorflow as tf

    return [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]
