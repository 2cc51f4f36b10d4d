"""The Python of docs/data.md and of the scikit-learn section of docs/python.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
