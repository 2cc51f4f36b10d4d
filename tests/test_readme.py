"""The README's Python and examples/quickstart.ipynb run in a real notebook kernel and show HTML there.

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


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The README's first block in a kernel, and after it an object of each class as a cell's last line."""
    shown = [
        "clf",
        "lm",
        "clf.report()",
        'clf.explain("Cold soup, lovely wine.")',
        'next(iter(clf.classify(["Good."])))',
        "foretell.TextClassifier(verbose=1).fit(texts[:40], labels[:40])",
    ]
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source) for source in (SMALL, blocks()[0], *shown)]
    return executed(made, tmp_path_factory.mktemp("notebook"))


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook in a folder."""
    resources = {"metadata": {"path": folder}}
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources)
    done: nbformat.NotebookNode = client.execute()
    return done


def test_the_quickstart_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)
    notebook.cells = [cell for cell in notebook.cells if "install" not in cell.metadata.get("tags", [])]
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SMALL))
    done = executed(notebook, tmp_path)
    results = [out for cell in done.cells for out in cell.get("outputs", [])]
    assert [out for out in results if out.output_type == "error"] == []
    assert (tmp_path / "reviews-web" / "index.html").exists()


def test_the_code_runs_in_a_notebook_kernel(notebook: nbformat.NotebookNode) -> None:
    errors = [out for cell in notebook.cells for out in cell.outputs if out.output_type == "error"]
    assert errors == []


@pytest.mark.parametrize(
    ("cell", "html"),
    [(2, "TextClassifier"), (3, "LanguageModel"), (4, "<iframe"), (5, "<iframe"), (6, "<table>")],
)
def test_objects_are_shown_as_html(notebook: nbformat.NotebookNode, cell: int, html: str) -> None:
    results = [out for out in notebook.cells[cell].outputs if out.output_type == "execute_result"]
    assert html in results[-1].data["text/html"]
    assert "<script" not in results[-1].data["text/html"]


def test_progress_is_shown_in_a_notebook(notebook: nbformat.NotebookNode) -> None:
    shown = [out for out in notebook.cells[-1].outputs if out.output_type == "display_data"]
    assert any("validation: loss" in out.data.get("text/plain", "") for out in shown)
