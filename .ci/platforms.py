"""Print which Python on which system can train and predict, as the table in docs/devices.md.

For each of them uv resolves the extras with wheels alone, as the index offers them today. Only
metadata is downloaded. `python .ci/platforms.py` needs PyPI.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux, x86-64": "x86_64-manylinux_2_28",
    "Linux, ARM": "aarch64-manylinux_2_28",
    "macOS, Apple silicon": "aarch64-apple-darwin",
    "macOS, Intel": "x86_64-apple-darwin",
    "Windows, x86-64": "x86_64-pc-windows-msvc",
}


def resolved(system: str, python: str, *extras: str) -> tuple[str, str | None]:
    """Return the packages that foretell needs there, and None; or "" and why they cannot be
    installed.
    """
    command = [
        "uv", "pip", "compile", "--quiet", "--no-header", "--no-build", "--python-platform", system,
        "--python-version", python, *(f"--extra={extra}" for extra in extras), "pyproject.toml",
    ]  # fmt: skip
    # The oldest macOS that ONNX Runtime has wheels for.
    variables = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=variables
    )
    if done.returncode == 0:
        return done.stdout, None
    hint = r"(?:only found wheels for|Wheels are (?:required|available) for) `([\w-]+)`"
    found = re.search(hint, done.stderr)
    return "", f"no wheels of {found[1]}" if found else "cannot be resolved"


def what_runs(system: str, python: str) -> str:
    """Return the cell of a system and a Python."""
    if reason := resolved(system, python)[1]:
        return f"– ({reason})"
    packages, reason = resolved(system, python, "train")
    # pyproject.toml leaves TensorFlow out where it has no wheels for a Python.
    if reason is None and not re.search(r"^tensorflow", packages, re.M):
        reason = "no wheels of tensorflow"
    return "trains, predicts" if reason is None else f"predicts ({reason})"


def main() -> int:
    """Print the table."""
    print("| system | " + " | ".join(f"Python {python}" for python in PYTHONS) + " |")
    print("|---|" + "---|" * len(PYTHONS))
    for name, system in SYSTEMS.items():
        cells = [what_runs(system, python) for python in PYTHONS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
