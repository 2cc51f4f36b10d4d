"""The Python of docs/tuning.md runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tuning.tiny import TINY
from tuning.trial_workers import InProcess

import foretell

pytest.importorskip("tensorflow")
PAGE = Path(__file__).parents[2] / "docs" / "tuning.md"


@pytest.mark.soak
def test_the_code_of_the_page(
    reviews: tuple[list[str], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("foretell.tuning.search.ProcessWorkers", lambda _, data, *__: InProcess(data))
    monkeypatch.chdir(tmp_path)
    rows = [f"{text},{label}\n" for text, label in zip(*reviews, strict=True)]
    Path("reviews.csv").write_text("text,label\n" + "".join(rows))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {"small": {**TINY, "units": 4, "valid_fraction": 0.3, "trials": 1}}
    for block in blocks:
        exec(block.replace("minutes=20,", "minutes=20, **small,"), names)
    assert isinstance(names["clf"], foretell.TextClassifier)
    assert "foretell.TextClassifier('base'" in capsys.readouterr().out
    assert names["study"].best_value == names["found"].chosen.trial.value
