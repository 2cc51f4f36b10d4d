"""docs/reliability.md names a test for each promise: each must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"


@pytest.mark.skipif(not PAGE.exists(), reason="docs/ is not beside the tests")
def test_every_promise_names_tests_that_exist() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", code))
    named = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    assert sorted(set(named) - there) == []
