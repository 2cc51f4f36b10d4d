"""Hostile weights and linear models: a part of `hostile`."""

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


def weights() -> dict[str, Change]:
    def change(work: Callable[[dict[str, Any]], object]) -> Change:
        def apply(directory: Path) -> None:
            weights = load((directory / "model.safetensors").read_bytes())
            work(weights)
            rewrite(directory, "model.safetensors", save(weights))

        return apply

    def header(text: bytes, size: int | None = None) -> Change:
        content = struct.pack("<Q", len(text) if size is None else size) + text + b"\0" * 3000
        return partial(rewrite, name="model.safetensors", content=content)

    return {
        "model.safetensors: a weight less": change(lambda weights: weights.pop("output/bias")),
        "model.safetensors: a weight more": change(
            lambda weights: weights.update(more=np.zeros(9, np.float32))
        ),
        "model.safetensors: another shape": change(
            lambda weights: weights.update(embedding=weights["embedding"].T.copy())
        ),
        "model.safetensors: another type": change(
            lambda weights: weights.update(embedding=weights["embedding"].astype(np.float16))
        ),
        "model.safetensors: a header of exabytes": header(b"{}", 2**63),
        "model.safetensors: a header past the end": header(b"{}", 9000),
        "model.safetensors: a header that is no object": header(b"[]"),
        "model.safetensors: a header of nonsense": header(b'{"embedding": {"dtype": 1, "shape": {}}}'),
        "model.safetensors: no safetensors": partial(
            rewrite, name="model.safetensors", content=b"\x80" * 3000
        ),
    }


def linear_models() -> dict[str, Change]:
    def change(name: str, array: Any) -> Change:
        def apply(directory: Path) -> None:
            arrays = load((directory / "linear.safetensors").read_bytes())
            arrays[f"linear/{name}"] = array(arrays[f"linear/{name}"])
            rewrite(directory, "linear.safetensors", save(arrays))

        return apply

    return {
        "linear.safetensors: no safetensors": partial(
            rewrite, name="linear.safetensors", content=b"\x80" * 90
        ),
        "linear.safetensors: two columns": change("bias", lambda _: np.zeros(2, np.float32)),
        "linear.safetensors: not a number": change("bias", lambda bias: bias * np.nan),
        "linear.safetensors: keys that descend": change("keys", lambda keys: keys[::-1].copy()),
        "linear.safetensors: keys below zero": change("keys", lambda keys: keys - 10**9),
        "linear.safetensors: no ids": change("size", lambda size: size * 0),
        "linear.safetensors: long n-grams": change("longest", lambda longest: longest + 1000),
        "linear.safetensors: an empty size": change("size", lambda size: size[:0]),
        "linear.safetensors: gone, but needed": _without_linear,
    }


def _without_linear(directory: Path) -> None:
    (directory / "linear.safetensors").unlink()
    rewrite_manifest(directory, lambda listed: listed["files"].pop("linear.safetensors"))
