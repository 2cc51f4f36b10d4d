"""The Python of docs/data.md and of the scikit-learn section of docs/python.md runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from foretell import config

DOCS = Path(__file__).parent.parent / "docs"


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_survey_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks((DOCS / "data.md").read_text(encoding="utf-8")):
        exec(block, names)
    found = names["found"]
    assert found.label_check.errors[0].row == 8  # type: ignore[attr-defined]
    lines = (tmp_path / "clean.csv").read_text().splitlines()
    assert lines[8] == "good thing number 7,pos"


# Trainings of a second: the code is that of the page, the sizes are not.
TINY = {
    "units": 4,
    "embedding_size": 4,
    "epochs": 1,
    "min_steps": 1,
    "max_steps": 2,
    "length": 20,
    "folds": 0,
}
ONE_SPLIT = "cv=[(list(range(120)), list(range(120, 200)))]"
SIZES = {
    '"base"': '"quick"', "train_sizes=[0.25, 0.5, 1.0]": "train_sizes=[0.5, 1.0]", "cv=5": ONE_SPLIT,
    "cv=2": ONE_SPLIT, "n_permutations=100": "n_permutations=1", "unlabelled=more, ": "",
    "verbose=True": "verbose=0",
}  # fmt: skip


def test_the_scikit_learn_section_of_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(tmp_path)
    quick = dataclasses.replace(config.LABELS_PRESETS["quick"], **TINY)
    monkeypatch.setitem(config.LABELS_PRESETS, "quick", quick)
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    section = re.search(r"^## scikit-learn\n.*?^## ", page, flags=re.DOTALL | re.MULTILINE)
    assert section is not None
    code = blocks(section[0])
    assert len(code) == 4
    names: dict[str, Any] = {}
    # The first two blocks of the page read the texts and train `clf`.
    for block in [*blocks(page)[:2], *code]:
        for whole, small in SIZES.items():
            block = block.replace(whole, small)
        exec(block, names)
    assert "texts: accuracy" in capsys.readouterr().out
    assert names["sizes"].tolist() == [60, 120]
    assert names["valid_scores"].shape == (2, 1)
    assert names["p_value"] in (0.5, 1.0)
    rows = names["calibrated"].predict_proba(names["test_texts"])
    assert rows.shape == (len(names["test_texts"]), 2)
    assert rows.sum(axis=1) == pytest.approx(1)
