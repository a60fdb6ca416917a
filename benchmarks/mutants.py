"""Small edits of a Python file, one at a time: signs, off-by-ones, lost masks, wrong denominators, swaps."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
class Mutant:
    """A file with one edit: where it is, what stood there and what stands there now, and the whole source."""

    path: Path
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.before}  ->  {self.after}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Return every mutant of a file, in the order of its lines. What only words a message is left alone."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    # what dataclass(frozen=True) and its like promise is no arithmetic
    marks = [d for n in ast.walk(tree) if isinstance(n, ast.ClassDef) for d in n.decorator_list]
    words = [part for part in ast.walk(tree) if _only_words(part)]
    skipped = {id(node) for part in (*words, *marks) for node in ast.walk(part)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped or not hasattr(node, "lineno"):
            continue
        for change in _changes(node):
            changed = copy.deepcopy(tree)
            twin = next(n for i, n in enumerate(ast.walk(changed)) if i == number)
            before = ast.unparse(twin)
            new = change(twin)
            if new is not twin:
                _replace(changed, twin, new)
            ast.fix_missing_locations(changed)
            yield Mutant(path, node.lineno, _short(before), _short(ast.unparse(new)), ast.unparse(changed))


def _only_words(node: ast.AST) -> bool:
    """Docstrings, messages of errors, annotations, imports, type aliases."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.arg) or (isinstance(node, ast.AnnAssign) and node.value is None):
        return True
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Float", "Int", "Callable", "dict", "list")


def _changes(node: ast.AST) -> Iterator[Callable[[Any], ast.AST]]:
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in SWAPPED:
            yield _other_operator
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            yield _other_comparison
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield lambda twin: twin.operand
        case ast.If() | ast.IfExp():
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


def _other_operator(node: Any) -> ast.AST:
    node.op = SWAPPED[type(node.op)]()
    return node


def _other_comparison(node: Any) -> ast.AST:
    node.ops = [SWAPPED[type(node.ops[0])]()]
    return node


def _negated(node: Any) -> ast.AST:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _constant(node: Any, value: object) -> ast.AST:
    node.value = value
    return node


def _swapped_arguments(node: Any) -> ast.AST:
    node.args[:2] = node.args[1::-1]
    return node


def _without_decorators(node: Any) -> ast.AST:
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
