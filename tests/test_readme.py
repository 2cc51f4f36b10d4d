"""The README's Python and examples/quickstart.ipynb run in a real notebook kernel and show HTML
there.

That it passes `mypy --strict` is part of `make lint`.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytest.importorskip("tensorflow")

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

# Trainings of seconds: the code is the README's, the sizes are not.
SMALL = """
import dataclasses
from foretell import presets
presets.LABELS_PRESETS["base"] = dataclasses.replace(
    presets.LABELS_PRESETS["base"], units=8, embedding_size=8, epochs=1, min_steps=5, length=40, folds=0)
presets.WORDS_PRESETS["base"] = dataclasses.replace(
    presets.WORDS_PRESETS["base"], units=8, embedding_size=8, epochs=1, min_steps=5)
"""


SHOWN = {
    "clf.report()": "<iframe",
    'clf.explain("Cold soup, lovely wine.")': "<iframe",
    'next(iter(clf.classify(["Good."])))': "<table>",
}
FIT = "foretell.TextClassifier().fit(texts[:40], labels[:40])"


Ran = tuple[Path, list[nbformat.NotebookNode]]
"""The folder of a notebook, and its cells that ran."""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The README's first block, objects of the API, a fit, and the notebook of the quickstart."""
    folder = tmp_path_factory.mktemp("notebook")
    first = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)[
        0
    ]
    quickstart = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    assert all(cell.get("outputs", []) == [] for cell in quickstart.cells)
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source) for source in (SMALL, first, *SHOWN, FIT)]
    made.cells += [
        cell for cell in quickstart.cells if "install" not in cell.metadata.get("tags", [])
    ]
    resources = {"metadata": {"path": folder}}
    NotebookClient(made, timeout=240, kernel_name="python3", resources=resources).execute()
    return folder, made.cells


def test_the_code_and_the_quickstart_run_in_a_notebook_kernel(notebook: Ran) -> None:
    folder, cells = notebook
    errors = [
        out for cell in cells for out in cell.get("outputs", []) if out.output_type == "error"
    ]
    assert errors == []
    assert (folder / "reviews-web" / "index.html").exists()


@pytest.mark.parametrize("source", SHOWN)
def test_objects_are_shown_as_html(notebook: Ran, source: str) -> None:
    (cell,) = (cell for cell in notebook[1] if cell.source == source)
    results = [out for out in cell.outputs if out.output_type == "execute_result"]
    assert SHOWN[source] in results[-1].data["text/html"]
    assert "<script" not in results[-1].data["text/html"]


def test_progress_is_lines_and_a_bar_that_is_gone_at_the_end(notebook: Ran) -> None:
    (cell,) = (cell for cell in notebook[1] if cell.source == FIT)
    shown = "".join(out.text for out in cell.outputs if out.output_type == "stream")
    assert "validation: loss" in shown
    # A carriage return goes back to the beginning of the line.
    assert [line for line in shown.split("\n") if "━" in line.split("\r")[-1]] == []
