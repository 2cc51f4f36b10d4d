"""The models of the tests of exporting; the browser and its runtime, where there are some."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from export_workplace import MODELS, Copies, check_labels_vary, write
from page_workplace import chromium

from foretell.export import browser_runtime
from foretell.export.model_export import export_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every model by its name in MODELS; copy one to change it."""
    folder = tmp_path_factory.mktemp("models")
    written = {name: write(folder / name, name) for name in MODELS}
    for name, (_, labels) in MODELS.items():
        if labels:
            check_labels_vary(written[name])
    return written


@pytest.fixture(scope="session")
def copies(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Every model in ONNX, exported once: its name to the result."""
    folder = tmp_path_factory.mktemp("copies")
    return {name: export_model(path, folder / name) for name, path in models.items()}


@pytest.fixture(scope="session")
def ort_web() -> Path:
    """The npm package onnxruntime-web as a file."""
    path = Path(os.environ.get("FORETELL_ONNXRUNTIME_WEB") or browser_runtime.cached())
    if not path.is_file():
        pytest.skip(f"needs {path}: npm pack onnxruntime-web@{browser_runtime.VERSION}")
    return path


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Node.js on PATH")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, as Playwright drives it; one process can hold one Playwright at a time, so not for
    other modules.
    """
    with chromium() as opened:
        yield opened
