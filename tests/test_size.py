"""Budgets of lines, modules and functions: today's size is the limit, the goal stands beside it.

Lines count docstrings, comments and blank lines. Lower a limit with the room. To see both:
`pytest tests/test_size.py -s -n 0`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Budget(NamedTuple):
    """Lines that a part has at most, and those that it should have."""

    limit: int
    goal: int


PARTS = {
    "foretell/cli": Budget(3_245, 3_300),
    "foretell/service": Budget(2_600, 2_600),
    "foretell/annotation": Budget(1_100, 1_100),
    "foretell/cluster": Budget(1_600, 1_600),
    "foretell/export": Budget(1_300, 1_300),
    "foretell/surveying": Budget(1_000, 1_000),
    "foretell/training/labels": Budget(4_880, 4_880),
    "foretell/training/words": Budget(2_700, 2_700),
    "foretell/training/*.py": Budget(1_820, 1_820),
    "foretell/runtime": Budget(3_690, 3_700),
    "foretell/networks": Budget(1_600, 1_600),
    "foretell/artifacts": Budget(2_140, 2_200),
    "foretell/data": Budget(3_600, 3_600),
    "foretell/ngrams": Budget(1_555, 1_555),
    "foretell/text": Budget(755, 755),
    "foretell/metrics": Budget(790, 790),
    "foretell/hub": Budget(450, 450),
    "foretell/*.py": Budget(2_290, 2_100),
    "foretell": Budget(37_000, 37_000),
    "tests": Budget(28_000, 28_000),
    "bench": Budget(3_000, 3_000),
}
MODULES, ANY = Budget(228, 250), Budget(90, 250)
LINES_OF_A_MODULE, LINES_OF_A_FUNCTION = 400, 40
LONGER = {
    "foretell/config.py": Budget(500, 500),
    "foretell/classifier.py": Budget(440, 500),
}
"""Modules and functions that are longer than others may be."""


def modules(part: str) -> list[Path]:
    """Return the modules of a folder and those below it, or those that a pattern names."""
    return sorted(ROOT.glob(part) if part.endswith(".py") else (ROOT / part).rglob("*.py"))


def check(what: str, found: int, budget: Budget) -> None:
    print(f"{what}: {found:,}, at most {budget.limit:,}, goal {budget.goal:,}")
    assert found <= budget.limit, what


@pytest.mark.parametrize("part", PARTS)
def test_lines(part: str) -> None:
    found = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules(part))
    assert found > 0
    check(part, found, PARTS[part])


def test_modules_and_any() -> None:
    texts = [path.read_text(encoding="utf-8") for path in modules("foretell")]
    check("modules", len(texts), MODULES)
    check("Any", sum(len(re.findall(r"\bAny\b", text)) for text in texts), ANY)


def test_no_module_and_no_function_is_long() -> None:
    for path in modules("foretell"):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        assert len(text.splitlines()) <= LONGER.get(name, Budget(LINES_OF_A_MODULE, 0)).limit, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                limit = LONGER.get(f"{name}: {node.name}", Budget(LINES_OF_A_FUNCTION, 0)).limit
                assert length <= limit, f"{name}: {node.name} has {length} lines"


def test_what_is_longer_is_still_there() -> None:
    """An entry that is no longer needed goes."""
    for name in LONGER:
        path, _, function = name.partition(": ")
        assert f"def {function}" in (ROOT / path).read_text(encoding="utf-8"), name
