"""Changes of the files of a model directory, and hostile weights and linear models: a part of
`hostile`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from tests.builders import rewrite, rewrite_manifest

Change = Callable[[Path], object]


def content(name: str, value: bytes) -> Change:
    return partial(rewrite, name=name, content=value)


def arrays(name: str, work: Callable[[dict[str, Any]], object]) -> Change:
    """Change the arrays of a file of weights."""

    def apply(directory: Path) -> None:
        stored = load((directory / name).read_bytes())
        work(stored)
        rewrite(directory, name, save(stored))

    return apply


def array(name: str, key: str, work: Callable[[Any], Any]) -> Change:
    """Change one array of a file of weights."""
    return arrays(name, lambda stored: stored.update({key: work(stored[key])}))


def gone(directory: Path, name: str) -> None:
    """Delete a file and its entry in the manifest."""
    (directory / name).unlink()
    rewrite_manifest(directory, lambda listed: listed["files"].pop(name))


def weights() -> dict[str, Change]:
    file = "model.safetensors"

    def header(text: bytes, size: int | None = None) -> Change:
        return content(
            file, struct.pack("<Q", len(text) if size is None else size) + text + b"\0" * 3000
        )

    changes = {
        "a weight less": arrays(file, lambda weights: weights.pop("output/bias")),
        "a weight more": arrays(file, lambda weights: weights.update(more=np.zeros(9, np.float32))),
        "another shape": array(file, "embedding", lambda embedding: embedding.T.copy()),
        "another type": array(file, "embedding", lambda embedding: embedding.astype(np.float16)),
        "a header of exabytes": header(b"{}", 2**63),
        "a header past the end": header(b"{}", 9000),
        "a header that is no object": header(b"[]"),
        "a header of nonsense": header(b'{"embedding": {"dtype": 1, "shape": {}}}'),
        "no safetensors": content(file, b"\x80" * 3000),
    }
    return {f"{file}: {name}": change for name, change in changes.items()}


def linear_models() -> dict[str, Change]:
    file = "linear.safetensors"
    changes: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "two columns": ("bias", lambda _: np.zeros(2, np.float32)),
        "not a number": ("bias", lambda bias: bias * np.nan),
        "keys that descend": ("keys", lambda keys: keys[::-1].copy()),
        "keys below zero": ("keys", lambda keys: keys - 10**9),
        "no ids": ("size", lambda size: size * 0),
        "long n-grams": ("longest", lambda longest: longest + 1000),
        "an empty size": ("size", lambda size: size[:0]),
    }
    return {
        **{
            f"{file}: {kind}": array(file, f"linear/{key}", work)
            for kind, (key, work) in changes.items()
        },
        f"{file}: no safetensors": content(file, b"\x80" * 90),
        f"{file}: gone, but needed": partial(gone, name=file),
    }
