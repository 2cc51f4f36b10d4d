"""Budgets of tokens for each room, and bounds of the density of the code.

Size is counted in tokens, without comments, docstrings and line ends: lines can be made fewer by
writing more on each, tokens only by deleting something. To see the figures:
`pytest tests/test_size.py -s -n 0`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

TOKENS = {
    "foretell/cli": 21_670,
    "foretell/service": 16_870,
    "foretell/annotation": 7_700,
    "foretell/cluster": 10_710,
    "foretell/export": 7_790,
    "foretell/surveying": 7_010,
    "foretell/training/labels": 43_545,
    "foretell/training/words": 16_560,
    "foretell/training/*.py": 12_160,
    "foretell/runtime": 27_480,
    "foretell/networks": 10_770,
    "foretell/artifacts": 14_700,
    "foretell/data": 33_470,
    "foretell/ngrams": 13_680,
    "foretell/text": 4_740,
    "foretell/metrics": 5_970,
    "foretell/hub": 2_950,
    "foretell/*.py": 14_210,
    "foretell": 271_920,
    "tests": 313_650,
    "bench": 25_400,
}
"""Tokens that a room has at most: what it has today. Lower a limit when the room becomes smaller; the
goal for the whole package is 250,000.
"""

LINES = {"foretell/service/page": 4_000, "foretell/export/web": 1_050}
"""Lines of JavaScript, CSS and HTML."""

MODULES = 262
ANY = 110
TANGLED = 20
"""Functions with more than `MANY_BRANCHES` branches."""
MANY_BRANCHES = 12
MAX_BRANCHES = 18
MAX_WIDTH = 100

TOKENS_OF_A_LINE = 9.0
PER_1000_LINES = {
    "lines over 100 characters": 1.0,
    "parallel assignments": 0.4,
    "conditional expressions": 14.0,
    "fmt: skip": 0.0,
}

_NOT_COUNTED = {
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.COMMENT,
    tokenize.ENDMARKER,
}
_BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.With,
    ast.AsyncWith,
    ast.match_case,
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class Module(NamedTuple):
    """What is counted in one module."""

    tokens: int
    lines: int
    lines_of_code: int
    counts: dict[str, int]
    branches: dict[str, int]


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the lines of docstrings, those after assignments included."""
    lines = set[int]()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = getattr(statement, "value", None)
            is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
            if isinstance(statement, ast.Expr) and is_text:
                lines |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))
    return lines


def branches(function: ast.AST) -> int:
    """Return McCabe's number of a function, without the functions in it."""
    number = 1
    nodes = list(ast.iter_child_nodes(function))
    while nodes:
        node = nodes.pop()
        if isinstance(node, _SCOPES):
            continue
        number += isinstance(node, _BRANCHES)
        if isinstance(node, ast.BoolOp):
            number += len(node.values) - 1
        if isinstance(node, ast.comprehension):
            number += 1 + len(node.ifs)
        nodes += ast.iter_child_nodes(node)
    return number


def _is_parallel(node: ast.AST) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    return isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)


@cache
def measure(path: Path) -> Module:
    """Count the tokens, lines and dense places of a module."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    documented = docstring_lines(tree)
    tokens = 0
    code = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NOT_COUNTED and token.start[0] not in documented:
            tokens += 1
            code |= set(range(token.start[0], token.end[0] + 1))
    lines = text.splitlines()
    nodes = list(ast.walk(tree))
    name = path.relative_to(ROOT).as_posix()
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Module(
        tokens=tokens,
        lines=len(lines),
        lines_of_code=len(code),
        counts={
            "lines over 100 characters": sum(len(line) > MAX_WIDTH for line in lines),
            "parallel assignments": sum(map(_is_parallel, nodes)),
            "conditional expressions": sum(isinstance(node, ast.IfExp) for node in nodes),
            "fmt: skip": text.count("# fmt: skip"),
        },
        branches={f"{name}: {function.name}": branches(function) for function in functions},
    )


def modules(part: str) -> Iterator[Module]:
    """Yield the modules of a folder and those below it, or those that a pattern names."""
    paths = ROOT.glob(part) if part.endswith(".py") else (ROOT / part).rglob("*.py")
    return map(measure, sorted(paths))


def check(what: str, found: float, limit: float) -> None:
    print(f"{what}: {found:,}, at most {limit:,}")
    assert found <= limit, f"{what}: {found:,}, at most {limit:,}"


@pytest.mark.parametrize("part", TOKENS)
def test_tokens(part: str) -> None:
    found = sum(module.tokens for module in modules(part))
    assert found > 0
    check(f"tokens of {part}", found, TOKENS[part])


@pytest.mark.parametrize("part", LINES)
def test_lines_of_the_pages(part: str) -> None:
    paths = [path for path in (ROOT / part).rglob("*") if path.suffix in {".js", ".css", ".html"}]
    assert paths
    found = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
    check(f"lines of {part}", found, LINES[part])


def test_modules_and_any() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "foretell").rglob("*.py")]
    check("modules", len(texts), MODULES)
    check("Any", sum(len(re.findall(r"\bAny\b", text)) for text in texts), ANY)


def test_density() -> None:
    found = list(modules("foretell"))
    tokens = sum(module.tokens for module in found)
    code = sum(module.lines_of_code for module in found)
    check("tokens in a line of code", round(tokens / code, 2), TOKENS_OF_A_LINE)
    thousands = sum(module.lines for module in found) / 1000
    for what, limit in PER_1000_LINES.items():
        number = sum(module.counts[what] for module in found)
        check(f"{what} in 1,000 lines", round(number / thousands, 1), limit)


def test_branches() -> None:
    found = {name: n for module in modules("foretell") for name, n in module.branches.items()}
    most = max(found, key=lambda name: found[name])
    check(f"branches of {most}", found[most], MAX_BRANCHES)
    tangled = [name for name, number in found.items() if number > MANY_BRANCHES]
    check("functions with more than 12 branches", len(tangled), TANGLED)
