"""Classifiers trained on IMDB's 25,000 training reviews and measured on its 25,000 test reviews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.commands import evaluate, train
from bench.record import OUT, machine


def measured(preset: str, seed: int, *, fresh: bool = False) -> dict[str, Any]:
    """Return the test accuracy of a preset and a seed, and the seconds that its training took.

    A classifier costs minutes to train, and two benchmarks want the same ones: figures are kept beside the
    model under out/bench/imdb and used again where nothing but time has passed.

    Args:
        preset: a labels preset.
        seed: the seed.
        fresh: train even if the figures are there.
    """
    folder = OUT / "imdb" / f"{preset}-{seed}"
    kept = folder.with_suffix(".json")
    here = {"preset": preset, "seed": seed, "machine": machine(), "code": _code()}
    if not fresh and kept.exists():
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if all(figures.get(name) == value for name, value in here.items()):
            return figures
    folder.parent.mkdir(parents=True, exist_ok=True)
    trained = train("labels", "imdb", folder, preset=preset, seed=seed)
    figures = {**here, "seconds": trained["seconds"], "accuracy": evaluate(folder, "imdb")["accuracy"]}
    kept.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def _code() -> str:
    """Return a digest of everything that decides what a classifier becomes."""
    import hashlib

    import foretell

    root = Path(foretell.__file__).parent
    paths = [root / "config.py", root / "tokenizer.py", root / "networks" / "labels.py"]
    paths += sorted((root / "training" / "labels").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
