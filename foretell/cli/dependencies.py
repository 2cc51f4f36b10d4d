"""What foretell depends on, by its own package metadata, and what of it is installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

PACKAGE = "foretell"
REQUIRED = ""
"""The name of the extra of a dependency that is always needed."""

# One package in two builds: either will do.
_SAME = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}
# `numba>=0.63; platform_machine == 'x86_64' and extra == 'train'`
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?P<parts>\[[^\]]*\])?\s*(?P<versions>[^;]*)(;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


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
    match = _REQUIREMENT.fullmatch(line)
    if match is None:
        return None
    marker = (match["marker"] or "").strip()
    extra = (_EXTRA.findall(marker) or [REQUIRED])[0]
    if not _applies(marker, extra):
        return None
    name, parts, versions = match["name"], match["parts"] or "", match["versions"].strip().strip("()")
    installed = _version(name) or (None if parts or name not in _SAME else _version(_SAME[name]))
    return Dependency(
        name=name + parts,
        extra=extra,
        versions=versions,
        installed=installed,
        is_good=installed is not None and _allows(versions, installed),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _applies(marker: str, extra: str) -> bool:
    """Return whether a marker is true on this machine, with this extra."""
    try:
        from packaging.markers import Marker
    except ImportError:
        # ONNX Runtime brings it; where even that is missing, too much is listed rather than too little.
        return True
    return not marker or Marker(marker).evaluate({"extra": extra})


def _allows(versions: str, installed: str) -> bool:
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return True
    return SpecifierSet(versions).contains(installed, prereleases=True)
