"""Pages of the docs name a test for each promise: each must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="docs/ is not beside the tests")
@pytest.mark.parametrize(("page", "least"), [("reliability.md", 40), ("serving.md", 10), ("page.md", 10)])
def test_every_promise_names_tests_that_exist(page: str, least: int) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > least
    assert sorted(named - set(re.findall(r"def (test_\w+)", code))) == []
    for path in re.findall(r"`(tests/\S+\.py)`", text):
        assert (ROOT / path).exists()
