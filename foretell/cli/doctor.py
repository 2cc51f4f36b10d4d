"""The command `doctor`: what is installed, what is missing, and what the machine has."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import groupby
from pathlib import Path

from foretell.cli.options import AS_TEXT, Output, Switch
from foretell.cli.output import Writer, aligned, listed, show, write_object
from foretell.machine import require, usable_processors


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What this machine and this Python have.

    Attributes:
        foretell, python: versions.
        executable: the path of Python.
        system: operating system, its version, and the kind of processor.
        processors: how many this process may use.
        memory_bytes: memory of the machine; None: unknown.
        blas: the BLAS libraries of NumPy and SciPy, with their threads.
        onnxruntime_providers: execution providers of ONNX Runtime, the preferred one first.
        tensorflow_devices: devices that TensorFlow trains on; None: it was not imported to ask.
        cache: the folder of downloaded data.
        data: the folder of FORETELL_DATA; None: it is not set.
    """

    foretell: str
    python: str
    executable: str
    system: str
    processors: int
    memory_bytes: int | None
    blas: list[str]
    onnxruntime_providers: list[str]
    tensorflow_devices: list[str] | None
    cache: str
    data: str | None

    def rows(self) -> list[tuple[str, str]]:
        """Return what there is as names and values for people."""
        memory, devices, folder = self.memory_bytes, self.tensorflow_devices, self.data
        where = "" if folder is None or Path(folder).is_dir() else " (no such folder)"
        return [
            ("foretell", f"v{self.foretell}"),
            ("python", f"v{self.python} ({self.executable})"),
            ("system", self.system),
            ("processors", f"{self.processors} for this process"),
            ("memory", "unknown" if memory is None else f"{memory / 2**30:.1f} GiB"),
            ("BLAS", "; ".join(self.blas) or "unknown"),
            ("ONNX Runtime", ", ".join(self.onnxruntime_providers) or "not installed"),
            ("TensorFlow", "doctor --train lists its devices" if devices is None else ", ".join(devices)),
            ("cache folder", self.cache),
            ("FORETELL_DATA", "not set" if folder is None else f"{folder}{where}"),
        ]


def doctor(
    *,
    train: Switch = False,
    output: Output = AS_TEXT,
) -> int:
    """List what is installed and what the machine has; return 1 where predictions cannot work.

    Args:
        train: Also import TensorFlow and list the devices that it trains on. Takes seconds.
    """
    format = output.chosen()
    needed = dependencies()
    if format == "text":
        show(listed(this_machine(train=train).rows()))
        show(f"\n{dependencies_text(needed)}\n\n{advice(needed)}")
    elif format == "jsonl":
        write_object({**asdict(this_machine(train=train)), "dependencies": [asdict(each) for each in needed]})
    else:
        rows = [asdict(each) for each in needed]
        writer = Writer(format, list(rows[0]))
        for row in rows:
            writer.write(row, "")
    return int(any(each.extra == REQUIRED and not each.is_good for each in needed))


def this_machine(*, train: bool) -> Machine:
    """Return what this machine has.

    Args:
        train: whether TensorFlow is imported and asked for its devices.
    """
    from platformdirs import user_cache_path

    return Machine(
        foretell=version("foretell"),
        python=platform.python_version(),
        executable=sys.executable,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processors=usable_processors(),
        memory_bytes=_memory(),
        blas=_blas(),
        onnxruntime_providers=_providers(),
        tensorflow_devices=_devices() if train else None,
        cache=str(user_cache_path("foretell")),
        data=os.environ.get("FORETELL_DATA"),
    )


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
    from foretell.machine import require_training
    from foretell.training.quiet import load_tensorflow

    require_training()
    load_tensorflow()
    import tensorflow as tf

    return [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]


PACKAGE = "foretell"
REQUIRED = ""
"""The name of the extra of a dependency that is always needed."""
_EXTRA = re.compile(r"""extra == ['"]([\w.-]+)['"]""")

# One package in two builds: either will do.
_SAME = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One package that foretell depends on.

    Attributes:
        name: of the package, with its own extras: "tensorflow[and-cuda]".
        extra: of foretell that needs it; `REQUIRED` where foretell always does.
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
    require(("packaging",), "foretell doctor", install_command(REQUIRED))
    found = [each for line in requires(PACKAGE) or () if (each := _dependency(line)) is not None]
    return tuple(sorted(found, key=lambda each: (each.extra, each.name)))


def lacking(those: Iterable[Dependency]) -> list[str]:
    """Return what is missing or of another version, in words."""
    return [
        each.name if each.installed is None else f"{each.name} {each.versions} (installed: {each.installed})"
        for each in those
        if not each.is_good
    ]


def install_command(extra: str) -> str:
    """Return the command that installs an extra, or what foretell always needs."""
    return f"pip install '{PACKAGE}[{extra}]'" if extra else f"pip install --force-reinstall {PACKAGE}"


def _dependency(line: str) -> Dependency | None:
    """Return the dependency that a line of metadata names; None where it does not apply to this machine."""
    from packaging.requirements import Requirement

    needed = Requirement(line)
    extra = (_EXTRA.findall(str(needed.marker)) or [REQUIRED])[0]
    if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
        return None
    parts = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    same = None if parts else _SAME.get(needed.name)
    installed = _version(needed.name) or (None if same is None else _version(same))
    return Dependency(
        name=needed.name + parts,
        extra=extra,
        versions=str(needed.specifier),
        installed=installed,
        is_good=installed is not None and needed.specifier.contains(installed, prereleases=True),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
