"""Small wrong changes to a module, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.LShift: ast.RShift,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}  # fmt: skip
_WORDING = ("expected", "found", "where", "fix")
"""The parts of an error: their wording is no behaviour."""


@dataclass(frozen=True)
class Mutant:
    """One changed module.

    Attributes:
        line: of the change.
        change: what was changed.
        source: the module.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module.

    Comparisons, `and` and `or`, `not`, arithmetic, conditions, numbers, True and False, texts, returned
    values, statements that are calls or assignments to attributes, `break`, `continue` and `raise` are
    changed. Left as they are: imports, annotations, docstrings, texts of errors, names for type checkers.
    """
    tree = ast.parse(source)
    for parent, name, place, node in _nodes(tree):
        for change, new in _changes(node):
            value = getattr(parent, name)
            if place is None:
                setattr(parent, name, new)
            else:
                value[place] = new
            text = ast.unparse(ast.fix_missing_locations(tree))
            if place is None:
                setattr(parent, name, value)
            else:
                value[place] = node
            yield Mutant(getattr(node, "lineno", 0), change, text)


def _nodes(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield each node that may be changed, with its parent, its field and its place there."""
    for name, value in list(ast.iter_fields(node)):
        if _is_left(node, name):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for place, child in list(children):
            if isinstance(child, ast.AST) and not _is_docstring(child) and not _is_for_types(child):
                yield node, name, place, child
                yield from _nodes(child)


def _is_left(node: ast.AST, field: str) -> bool:
    is_annotation = field in ("annotation", "returns")
    is_wording = isinstance(node, ast.keyword) and node.arg in _WORDING
    return is_annotation or is_wording or isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_types(node: ast.AST) -> bool:
    is_checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    is_alias = isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("Literal[", "TypeVar("))
    return is_checking or is_alias


def _changes(node: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield the changes to one node: what they are, and the node in its place."""
    before = ast.unparse(node) if not isinstance(node, ast.operator | ast.cmpop | ast.boolop) else ""
    for new in _replacements(node):
        after = ast.unparse(ast.fix_missing_locations(ast.copy_location(new, node)))
        yield f"{before.splitlines()[0]} → {after.splitlines()[0]}", new


def _replacements(node: Any) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[operation, *_]) if type(operation) in _COMPARISONS:
            yield _with(node, ops=[_COMPARISONS[type(operation)](), *node.ops[1:]])
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for place in range(len(node.values)):
                if len(node.values) > 2:
                    yield _with(node, values=[v for k, v in enumerate(node.values) if k != place])
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _OPERATIONS and not _is_text(node):
            yield _with(node, op=_OPERATIONS[type(node.op)]())
        case ast.If() | ast.While() | ast.IfExp():
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
        case ast.Constant(value=str() | bytes()):
            yield ast.Constant(node.value + (b"x" if isinstance(node.value, bytes) else "x"))
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass()
        case ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute()]) if not _is_none(node.value):
            yield _with(node, value=ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Raise():
            yield ast.Pass()


def _with(node: Any, **fields: Any) -> Any:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.BinOp) -> bool:
    """Whether text is joined: other operations on it fail at once."""
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
