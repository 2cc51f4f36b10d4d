"""Classifiers trained on IMDB's 25,000 training reviews and measured on its 25,000 test reviews."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bench.commands import evaluate, train
from bench.record import OUT, machine


def measured(preset: str, seed: int, *, fresh: bool = False) -> dict[str, Any]:
    """Return the test accuracy of a preset and a seed, and the seconds that its training took.

    A classifier takes minutes to train, and two benchmarks need the same ones. So the figures are kept beside
    the model under out/bench/imdb, and used again while nothing that affects them has changed (`digest`).

    Args:
        preset: a labels preset.
        seed: the seed.
        fresh: train even where the figures are there.
    """
    folder = OUT / "imdb" / f"{preset}-{seed}"
    kept = folder.with_suffix(".json")
    key = {"preset": preset, "seed": seed, "machine": machine(), "digest": digest()}
    if not fresh and kept.exists():
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if all(figures.get(name) == value for name, value in key.items()):
            return figures
    trained = train("labels", "imdb", folder, preset=preset, seed=seed)
    figures = {**key, "seconds": trained["seconds"], "accuracy": evaluate(folder, "imdb")["accuracy"]}
    kept.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def digest(package: Path | None = None) -> str:
    """Return a SHA-256 of all that affects a figure: foretell, this folder, libraries, environment.

    The reviews need not be in it: foretell only accepts those whose digest stands in its code.

    Args:
        package: the folder of foretell's package; None: that of the installed one.
    """
    if package is None:
        import foretell

        package = Path(foretell.__file__).parent
    parts = hashlib.sha256()
    for part in (*_files(package), *_files(Path(__file__).parent), *_libraries(), *_variables()):
        parts.update(hashlib.sha256(part).digest())
    return parts.hexdigest()


def _files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix().encode()
            yield path.read_bytes()


def _libraries() -> list[bytes]:
    """Return every installed distribution with its version: a dependency of a dependency counts too."""
    return sorted(f"{each.name}=={each.version}".encode() for each in distributions())


def _variables() -> list[bytes]:
    """Return the environment variables that change settings or arithmetic; not where data is."""
    places = {"FORETELL_DATA", "FORETELL_CACHE"}
    prefixes = ("FORETELL_", "TF_", "KERAS_", "OMP_", "OPENBLAS_", "MKL_", "NUMBA_")
    return sorted(
        f"{name}={value}".encode()
        for name, value in os.environ.items()
        if name.startswith(prefixes) and name not in places
    )
