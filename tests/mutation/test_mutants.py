"""The mutants: one change each, and none of what is no behaviour."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.modules import MODULES, SLOW
from tests.mutation.mutants import mutants

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = a"]),
        ("x = a + b", ["x = a - b"]),
        ("x = True", ["x = False"]),
        ("x = 1", ["x = 2"]),
        ("x = b'a'", ["x = b'ax'"]),
        ("f()", ["pass"]),
        ("x += y", ["pass"]),
        ("a.b = c", ["a.b = None"]),
        ("raise a", ["pass"]),
        ("while a:\n    break", ["while not a:\n    break", "while a:\n    continue"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("x = a if b else c", ["x = a if not b else c"]),
    ],
)
def test_each_kind_of_change(source: str, expected: list[str]) -> None:
    assert [each.source for each in mutants(source)] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A module."""', "import a", "x: int", "def f(a: 'b') -> 'c':\n    pass", "x = f'a{b}'",
        "x = E(expected='a', fix='b')", "if TYPE_CHECKING:\n    import a", "x = Literal['a']", "x = a + f'b'",
        "def f():\n    return None", "a.b = None",
    ],
)  # fmt: skip
def test_what_is_no_behaviour_is_left(source: str) -> None:
    assert list(mutants(source)) == []


def test_of_three_operands_each_is_left_out() -> None:
    found = [each.source for each in mutants("x = a and b and c")]
    assert found == ["x = a or b or c", "x = b and c", "x = a and c", "x = a and b"]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_mutants_that_differ_and_tests_that_are_there(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    whole, found = ast.unparse(ast.parse(source)), [each.source for each in mutants(source)]
    assert len(found) > 15
    assert whole not in found
    # The last one has changed nothing for good.
    assert ast.unparse(ast.parse(source)) == whole
    for test in MODULES[module]:
        assert (ROOT / test).exists()


def test_what_is_left_out_as_slow_is_there() -> None:
    code = "\n".join(
        (ROOT / test).read_text(encoding="utf-8") for tests in MODULES.values() for test in tests
    )
    assert [each for each in SLOW if f"{each}" not in code] == []
