"""Small edits of a Python file, one at a time: signs, off-by-ones, lost masks, wrong denominators, swaps."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from idle import idle

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
DROPPED = {
    "detach",
    "float",
    "eval",
    "train",
    "square",
    "abs",
    "exp",
    "clone",
    "item",
    "clamp_min",
    "clamp",
    "restrict",
}
"""Methods whose call is left out: x.detach() becomes x."""
WORDS = {"sum": "mean", "mean": "sum", "none": "sum"}
"""Words of a reduction."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file can be edited: the number of a node of its tree, and which edit of that node."""

    path: Path
    node: int
    edit: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file with one edit: where it is, what stood there and what stands there now, and the whole source.

    ``lines`` are those of the edited statement, of its head where it holds others; ``function`` is the qualified name
    of the outermost function around it, empty outside of functions.
    """

    path: Path
    line: int
    before: str
    after: str
    source: str
    function: str
    lines: range

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.before}  ->  {self.after}"


def places(path: Path, left_out: Container[str] = ()) -> list[Place]:
    """Return every place of a file, in the order of its tree, without edits that by their nature change no result, and
    without the functions that are ``left_out``.
    """
    every = _nodes(path)
    tree = every[0]
    skipped = {id(node) for part in every for node in idle(part)}
    for part in every:
        if isinstance(part, ast.FunctionDef) and part.name in left_out:
            skipped |= {id(node) for node in ast.walk(part)}
    assert isinstance(tree, ast.Module)
    return [
        Place(path, number, edit)
        for number, node in enumerate(every)
        if id(node) not in skipped and hasattr(node, "lineno")
        for edit, _ in enumerate(_changes(node))
    ]


def edited(place: Place) -> Mutant:
    """Return the file with the edit at a place."""
    every = _nodes(place.path)
    function, lines = _around(every[0], every[place.node])
    changed = copy.deepcopy(every[0])
    twin = next(n for i, n in enumerate(ast.walk(changed)) if i == place.node)
    before = ast.unparse(twin)
    new = list(_changes(twin))[place.edit](twin)
    if new is not twin:
        _replace(changed, twin, new)
    ast.fix_missing_locations(changed)
    line: int = twin.lineno  # type: ignore[attr-defined]
    return Mutant(place.path, line, _short(before), _short(ast.unparse(new)), ast.unparse(changed), function, lines)


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _around(tree: ast.AST, wanted: ast.AST) -> tuple[str, range]:
    """The outermost function whose body holds a node, and the lines of the innermost statement."""
    names: list[str] = []
    function, lines, node = "", range(0), tree
    while node is not wanted:
        node = next(child for child in ast.iter_child_nodes(node) if any(one is wanted for one in ast.walk(child)))
        if isinstance(node, ast.stmt):
            inner = [one for one in getattr(node, "body", []) if isinstance(one, ast.stmt)]
            stop = max(node.lineno + 1, inner[0].lineno) if inner else (node.end_lineno or node.lineno) + 1
            lines = range(node.lineno, stop)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not function:
            names.append(node.name)
            inside = any(one is wanted for part in node.body for one in ast.walk(part))
            if isinstance(node, ast.FunctionDef) and inside:
                function = ".".join(names)
    return function, lines


def _changes(node: ast.AST) -> Iterator[Callable[[Any], ast.AST]]:
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in SWAPPED:
            yield _other_operator
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            yield _other_comparison
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield lambda twin: twin.operand
        # a test that is itself turned round by the edits above is not turned round a second time
        case ast.If(test=test) | ast.IfExp(test=test) if not _is_turned(test):
            yield _negated
        case ast.Constant(value=bool()):
            yield lambda twin: _constant(twin, not twin.value)
        case ast.Constant(value=int() | float()):
            yield lambda twin: _constant(twin, twin.value + 1)
        case ast.Constant(value=str() as word) if word in WORDS:
            yield lambda twin: _constant(twin, WORDS[twin.value])
        case ast.Call(func=ast.Attribute(attr=name)) if name in DROPPED:
            yield lambda twin: twin.func.value
        case ast.Call(args=[_, _, *_]) if not any(isinstance(a, ast.Starred) for a in node.args[:2]):
            yield _swapped_arguments
        case ast.Expr(value=ast.Call()):
            yield lambda _: ast.Pass()
        case ast.FunctionDef(decorator_list=[*_]) if any("no_grad" in ast.unparse(d) for d in node.decorator_list):
            yield _without_decorators


def _is_turned(test: ast.AST) -> bool:
    """Whether the edits of ``test`` alone include its opposite."""
    turned = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and isinstance(test.ops[0], turned))


def _other_operator(node: Any) -> Any:
    node.op = SWAPPED[type(node.op)]()
    return node


def _other_comparison(node: Any) -> Any:
    node.ops = [SWAPPED[type(node.ops[0])]()]
    return node


def _negated(node: Any) -> Any:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _constant(node: Any, value: object) -> Any:
    node.value = value
    return node


def _swapped_arguments(node: Any) -> Any:
    node.args[:2] = node.args[1::-1]
    return node


def _without_decorators(node: Any) -> Any:
    node.decorator_list = [d for d in node.decorator_list if "no_grad" not in ast.unparse(d)]
    return node


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(one is old for one in value):
                value[next(i for i, one in enumerate(value) if one is old)] = new


def _short(code: str) -> str:
    first = code.splitlines()[0]
    return first if len(first) <= 70 else first[:67] + "..."
