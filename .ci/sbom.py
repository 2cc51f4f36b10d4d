"""The software bill of materials: CycloneDX 1.6 as JSON, from the lock file and what is installed.

`make sbom` writes dist/foretell.cdx.json: each package that foretell needs, alone and with each
extra, with its locked version, the SHA-256 of each of its files on PyPI, its licence and what it
needs itself. Tools of contributors are left out. The same environment gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("", "train", "serve", "excel", "glove", "cluster", "hub")
"""Those that the lock file has; "": without an extra."""


def locked(text: str) -> dict[str, tuple[str, list[str]]]:
    """Return the version and the hashes of each package of a lock file, by its normalised name."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found = {}
    for line in lines:
        if match := re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", line):
            hashes = sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
            found[str(canonicalize_name(match[1]))] = (match[2], hashes)
    return found


def needed(name: str, extra: str) -> list[str]:
    """Return the packages that an installed one needs on this machine, with one of its extras or
    none.
    """
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    names = set()
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            names.add(str(canonicalize_name(requirement.name)))
    return sorted(names - {name})


def extras_of_packages() -> dict[str, set[str]]:
    """Return each package that foretell needs, with the extras that need it."""
    found: dict[str, set[str]] = {}
    for extra in EXTRAS:
        waiting = needed("foretell", extra)
        while waiting:
            name = waiting.pop()
            if extra not in found.setdefault(name, set()):
                found[name].add(extra)
                waiting += needed(name, "")
    return found


def component(name: str, version: str, hashes: list[str], extras: set[str]) -> dict[str, Any]:
    """Return one package."""
    purl = f"pkg:pypi/{name}@{version}"
    licence = licence_of(name)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": "required" if "" in extras else "optional",
        **({"licenses": [{"license": {"name": licence}}]} if licence else {}),
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{name}/{version}/",
                "hashes": [{"alg": "SHA-256", "content": each}],
            }
            for each in hashes
        ],
        "properties": [
            {"name": "foretell:extra", "value": each or "none"} for each in sorted(extras)
        ],
    }


def licence_of(name: str) -> str:
    """Return the licence that a package states, its first line; "" where it states none."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    stated = about.get("License-Expression") or about.get("License") or ""
    classified = [
        each.rpartition(" :: ")[2]
        for each in about.get_all("Classifier", [])
        if "License ::" in each
    ]
    return (stated.strip().splitlines() or classified or [""])[0][:100]


def bill() -> dict[str, Any]:
    """Return the bill.

    Raises:
        SystemExit: a package is needed that the lock file does not have.
    """
    of_lock = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    packages = extras_of_packages()
    if missing := sorted(packages.keys() - of_lock.keys()):
        raise SystemExit(
            f"expected each package in requirements.lock, found none for "
            f"{', '.join(missing)}; make lock"
        )
    version = metadata.version("foretell")
    root = f"pkg:pypi/foretell@{version}"
    refs = {name: f"pkg:pypi/{name}@{of_lock[name][0]}" for name in packages}
    direct = {name for extra in EXTRAS for name in needed("foretell", extra)}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library", "bom-ref": root, "name": "foretell", "version": version, "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [component(name, *of_lock[name], packages[name]) for name in sorted(packages)],
        "dependencies": [
            {"ref": root, "dependsOn": sorted(refs[name] for name in direct)},
            *(
                {"ref": refs[name], "dependsOn": [refs[each] for each in needed(name, "")]}
                for name in sorted(packages)
            ),
        ],
    }  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(bill(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
