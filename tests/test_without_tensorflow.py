"""Predictions need no TensorFlow: every verb that predicts, in an environment that lacks it.

`make test` makes that environment and names its Python in FORETELL_PREDICT_PYTHON.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from foretell.config import LabelsSettings, WordsSettings
from tests.builders import write_random

PYTHON = os.environ.get("FORETELL_PREDICT_PYTHON", "")

pytestmark = pytest.mark.skipif(
    not Path(PYTHON).is_file(), reason="no environment without TensorFlow: run make test"
)

TEXTS = ["good food and kind people", "bad food and a long wait"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    text = "\n".join(TEXTS)
    small = {"embedding_size": 4, "units": 4}
    write_random(folder / "words", WordsSettings(**small), text=text)
    write_random(folder / "labels", LabelsSettings(**small), ["bad", "good"], text=text)
    (folder / "texts.csv").write_text(
        "text,label\n" + f"{TEXTS[0]},good\n{TEXTS[1]},bad\n", encoding="utf-8"
    )
    (folder / "text.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def python(folder: Path, code: str, *arguments: str) -> str:
    """Run a program; return its output."""
    done = run(folder, "-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_environment_lacks_it(tmp_path: Path) -> None:
    code = (
        "import sys; from importlib.util import find_spec; print(*filter(find_spec, sys.argv[1:]))"
    )
    assert python(tmp_path, code, "tensorflow", "keras", "onnx", "pyarrow", "pandas") == "\n"


COMMANDS = [
    ("classify", "labels", "good people"),
    ("classify", "labels", "texts.csv"),
    ("evaluate", "labels", "texts.csv"),
    ("evaluate", "words", "text.txt"),
    ("compare", "labels", "labels", "texts.csv"),
    ("data", "texts.csv", "--check-labels"),
    ("next", "words", "good food"),
    ("complete", "words", "good food", "--words", "3"),
    ("score", "words", "text.txt"),
    ("explain", "labels", "good people"),
    ("explain", "labels", "good people", "--html", "why.html"),
    ("info", "labels"),
    ("info", "--presets"),
    ("doctor",),
]
EACH = """
import contextlib, io, json, sys
from foretell.cli.entry import main
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        code = main(command)
    if code or not shown.getvalue():
        sys.exit(f"{command}: {code}")
"""


def test_every_command_predicts(models: Path) -> None:
    """One after another in a process; the first as a program."""
    done = run(models, "-m", "foretell", *COMMANDS[0])
    assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr
    python(models, EACH, json.dumps(COMMANDS))


def test_python_predicts(models: Path) -> None:
    code = (
        "import foretell, json; clf = foretell.load('labels'); lm = foretell.load('words');"
        "print(json.dumps([clf.predict_proba(['good']).tolist(), lm.next('good', "
        "k=2)[0].probability]))"
    )
    probabilities, likeliest = json.loads(python(models, code))
    assert sum(probabilities[0]) == pytest.approx(1)
    assert 0 < likeliest <= 1


def test_training_answers_with_the_install_command(models: Path) -> None:
    done = run(models, "-m", "foretell", "train", "labels", "texts.csv", "--out", "new")
    assert done.returncode == 1
    assert re.search(r"install .*foretell\S*\[train\]|install .*foretell-.*\.whl", done.stderr)
    assert "Traceback" not in done.stderr
    assert not (models / "new").exists()
