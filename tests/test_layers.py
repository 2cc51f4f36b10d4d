"""Imports only go down, and the light parts load nothing heavy."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import foretell

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "onnx", "sklearn", "pandas", "pyarrow", "optuna", "huggingface_hub")
LIGHT = (
    "foretell",
    "foretell.cli",
    "foretell.cli.app",
    "foretell.cli.train_words",
    "foretell.cli.train_labels",
    "foretell.cli.evaluate",
    "foretell.cli.data",
    "foretell.cli.info",
    "foretell.cli.label",
    "foretell.cli.push",
    "foretell.cli.doctor",
    "foretell.cli.words",
    "foretell.cli.labels",
    "foretell.cli.demo",
    "foretell.cli.serve",
    "foretell.cli.cluster",
    "foretell.cluster",
    "foretell.cluster.files",
    "foretell.service.app",
    "foretell.service.server",
    "foretell.hub.models",
    "foretell.hub.push",
    "foretell.metrics",
    "foretell.ngrams.ensemble",
    "foretell.ngrams.linear",
    "foretell.ngrams.tfidf",
    "foretell.runtime.words.predictor",
    "foretell.runtime.labels.classifier",
    "foretell.runtime.labels.evaluation",
    "foretell.runtime.labels.explanation",
    "foretell.runtime.gates",
    "foretell.runtime.encoder",
    "foretell.runtime.words.surprise",
    "foretell.runtime.labels.leave_one_out",
    "foretell.annotation.annotation",
    "foretell.comparison",
    "foretell.surveying.survey",
    "foretell.language_model",
    "foretell.data.examples",
    "foretell.data.corpus",
    "foretell.data.word_vectors",
)

_TRAINING = [f"foretell.training.{name}" for name in ("optimizers", "precision")] + [
    f"foretell.training.words.{name}" for name in ("article", "averaging", "loop", "state", "step")
]
EVERY = tuple(
    each.name
    for each in pkgutil.walk_packages(foretell.__path__, "foretell.")
    if each.name not in (*_TRAINING, "foretell.__main__") and not each.name.startswith("foretell.networks")
)
"""All modules but those that define or train a network in TensorFlow: `load_tensorflow` comes before them."""


def test_imports_only_go_down() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


SCRIPT = """
import importlib, sys
modules, heavy = (each.split() for each in sys.argv[1:])
for module in modules:
    importlib.import_module(module)
    if loaded := [name for name in heavy if name in sys.modules]:
        sys.exit(f"{module} loads {loaded}")
"""


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [(LIGHT, HEAVY), (("foretell",), ("numpy", "onnxruntime", "rich")), (EVERY, ("tensorflow", "keras"))],
    ids=["light", "foretell", "every"],
)
def test_importing_loads_nothing_heavy(modules: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    """One process imports all: the first module that loads something heavy is named."""
    command = [sys.executable, "-c", SCRIPT, " ".join(modules), " ".join(heavy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_of_the_package() -> None:
    assert foretell.__version__
    assert foretell.errors.ForetellError
    assert set(foretell.__all__) <= set(dir(foretell))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = foretell.nothing  # type: ignore[attr-defined]
