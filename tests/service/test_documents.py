"""docs/serving.md and docs/page.md name a test for each promise: each must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="docs/ is not beside the tests")
@pytest.mark.parametrize("page", ["serving.md", "page.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 10
    assert named - set(re.findall(r"def (test_\w+)", code)) == set()
    for path in re.findall(r"`(tests/\S+\.py)`", text):
        assert (ROOT / path).exists()
