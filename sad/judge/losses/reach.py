"""Whether what a parameter is given can reach what its function returns, as far as the source tells."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sad.judge.texts import tree_of


@dataclass(frozen=True, slots=True)
class Reach:
    """``returned``: something made of it reaches a return. ``optional``: part of that stands under a condition on
    something else.
    """

    returned: bool
    optional: bool


def reach(function: Callable[..., Any], name: str) -> Reach | None:
    """Return how far a parameter reaches; None where there is no source to read."""
    try:
        tree = tree_of(function)
    except (OSError, TypeError, SyntaxError):
        return None
    body = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    if body is None:
        return None
    made = _made_of(body, name)
    returns = [node for node in ast.walk(body) if isinstance(node, ast.Return | ast.Yield) and node.value is not None]
    under = [node for node in ast.walk(body) if isinstance(node, ast.If | ast.IfExp)]
    guarded = [node for node in under if made & _loads([node.test]) and _returns(node)]
    optional = any(not _loads([node.test]) <= made and made & _loads(_branches(node)) for node in under)
    return Reach(bool(guarded) or any(made & _loads([node]) for node in returns), optional)


def _made_of(body: ast.FunctionDef, name: str) -> set[str]:
    """The names that hold something made of a parameter, itself among them."""
    made = {name}
    while True:
        more = {target for node in ast.walk(body) for target in _written(node, made)} - made
        if not more:
            return made
        made |= more


def _written(node: ast.AST, made: set[str]) -> Iterable[str]:
    """The names that a statement makes of what is in ``made``: assigned, written into, or chosen by a condition."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        # x[mask] = 0 is made of the mask
        if made & _loads([*targets, *([node.value] if node.value else [])]):
            yield from _bases(targets)
    elif isinstance(node, ast.For) and made & _loads([node.iter]):
        yield from _bases([node.target])
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # masked_fill_ and append write into what they are called on
        if made & _loads([*node.args, *(keyword.value for keyword in node.keywords)]):
            yield from _bases([node.func.value])
    elif isinstance(node, ast.If | ast.While) and made & _loads([node.test]):
        inside = (inner for branch in _branches(node) for inner in ast.walk(branch))
        yield from (inner.id for inner in inside if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store))


def _branches(node: ast.If | ast.IfExp | ast.While) -> list[ast.AST]:
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [*node.body, *node.orelse]


def _returns(node: ast.If | ast.IfExp) -> bool:
    return any(isinstance(inner, ast.Return) for branch in _branches(node) for inner in ast.walk(branch))


def _loads(nodes: Iterable[ast.AST]) -> set[str]:
    inner = (one for node in nodes for one in ast.walk(node))
    return {one.id for one in inner if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def _bases(nodes: Iterable[ast.AST]) -> Iterable[str]:
    """The names that are written: those of tuples, and what an index or attribute is of; F and torch are modules."""
    for node in nodes:
        if isinstance(node, ast.Tuple | ast.List):
            yield from _bases(node.elts)
        elif isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
            yield from _bases([node.value])
        elif isinstance(node, ast.Name) and node.id not in ("F", "torch", "nn", "math"):
            yield node.id
