"""The verb `doctor`: what is installed, what is missing and how to get it."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from foretell.cli.output import aligned
from foretell.machine import TO_SERVE, TO_TRAIN, usable_processors

PREDICT = (
    "onnxruntime", "numpy", "tokenizers", "safetensors", "scikit-learn", "charset-normalizer", "cyclopts",
    "platformdirs", "rich",
)  # fmt: skip
TRAIN = ("tensorflow", "keras", "numba", "onnx", "tensorboard", "pyarrow")
SERVE = ("fastapi", "uvicorn", "httptools", "prometheus-client")


def doctor() -> int:
    """Show what is installed and what this machine has; the exit code is 1 where predicting cannot work."""
    needed, to_train, to_serve = map(_versions, (PREDICT, TRAIN, SERVE))
    print(aligned([("foretell", version("foretell")), *_machine()]))
    print(f"\nneeded to predict\n{aligned(_rows(needed), indent=2)}")
    print(f"\nneeded to train\n{aligned(_rows(to_train), indent=2)}")
    print(f"\nneeded to serve\n{aligned(_rows(to_serve), indent=2)}\n")
    if lacking := [name for name, found in needed.items() if found is None]:
        print(f"missing: {', '.join(lacking)}; get it with: pip install --force-reinstall foretell")
        return 1
    everything = True
    for what, found, install in (("train", to_train, TO_TRAIN), ("serve", to_serve, TO_SERVE)):
        if lacking := [name for name, number in found.items() if number is None]:
            everything = False
            print(f"predicting works; to {what}, missing: {', '.join(lacking)}; get it with: {install}")
    if everything:
        print("everything is there: start with foretell demo")
    return 0


def _versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in packages:
        # tensorflow-cpu is the same package for machines without a GPU.
        names = (name, f"{name}-cpu") if name == "tensorflow" else (name,)
        found[name] = next((v for v in map(_version, names) if v is not None), None)
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _rows(found: dict[str, str | None]) -> list[tuple[str, str]]:
    return [(name, f"v{number}" if number else "missing") for name, number in found.items()]


def _machine() -> list[tuple[str, str]]:
    from platformdirs import user_cache_path

    data = os.environ.get("FORETELL_DATA")
    return [
        ("python", f"v{platform.python_version()} ({sys.executable})"),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("processor cores", f"{usable_processors()} for this process"),
        ("memory", _memory()),
        ("cache folder", str(user_cache_path("foretell"))),
        (
            "FORETELL_DATA",
            "not set" if data is None else f"{data}{'' if Path(data).is_dir() else ' (no such folder)'}",
        ),
    ]


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Windows has no sysconf.
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"
