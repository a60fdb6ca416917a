"""How many micro-batches a step has, where a function says it itself: a number in it that nobody sets from outside.

`gradient_accumulation_steps = 1` in a loop hides what happens where a window has several. It becomes a parameter, as
the globals of `sad/judge/free.py` do.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from types import FunctionType
from typing import Any

WINDOW = re.compile(r"\w*grad\w*_acc\w*|accum\w*|\w*_accum\w*", re.IGNORECASE)
"""The name of such a number."""
TAKES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def windowed(target: Any, free: object) -> Any:  # noqa: ANN401 - what was named
    """Return a function with such numbers as parameters, whose default is ``free``; anything else as it is."""
    if not isinstance(target, FunctionType) or target.__code__.co_freevars or hasattr(target, "__wrapped__"):
        return target
    try:
        made = ast.parse(textwrap.dedent(inspect.getsource(target))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return target
    if not isinstance(made, ast.FunctionDef) or made.decorator_list:
        return target
    code = target.__code__
    own = dict.fromkeys((*code.co_varnames, *code.co_cellvars))
    names = [name for name in own if WINDOW.fullmatch(name) and _is_number(made, name)]
    names = [name for name in names if name not in inspect.signature(target).parameters]
    if not names:
        return target
    whole = ast.fix_missing_locations(ast.Module([_Without(names).visit(made)], []))
    made.args.kwonlyargs += [ast.copy_location(ast.arg(name), made) for name in names]
    made.args.kw_defaults += [None] * len(names)
    ast.increment_lineno(ast.fix_missing_locations(whole), code.co_firstlineno - 1)
    space: dict[str, Any] = {}
    exec(compile(whole, code.co_filename, "exec"), target.__globals__, space)
    function: FunctionType = space[target.__name__]
    function.__defaults__, function.__dict__ = target.__defaults__, dict(target.__dict__)
    function.__kwdefaults__ = {**(target.__kwdefaults__ or {}), **dict.fromkeys(names, free)}
    return function


def _is_number(made: ast.FunctionDef, name: str) -> bool:
    """Whether a name is set to whole numbers, or to how often one goes into another, and steps are counted by it."""
    nodes = list(ast.walk(made))
    stores = [one for one in nodes if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store)]
    values = [one.value for one in nodes if isinstance(one, ast.Assign) and _sets(one, name)]
    numbers = [one for one in values if isinstance(one, ast.Constant) and type(one.value) is int and one.value > 0]
    shares = [one for one in values if isinstance(one, ast.BinOp) and isinstance(one.op, ast.FloorDiv)]
    counts = any(
        isinstance(one, ast.BinOp)
        and isinstance(one.op, ast.Mod)
        and isinstance(one.right, ast.Name)
        and one.right.id == name
        for one in nodes
    )
    inner = any(isinstance(one, TAKES) and one is not made and name in ast.dump(one) for one in nodes)
    whole = len(stores) == len(values) == len(numbers) + len(shares)
    return bool(numbers) and whole and counts and not inner


def _sets(node: ast.Assign, name: str) -> bool:
    return [getattr(one, "id", "") for one in node.targets] == [name]


class _Without(ast.NodeTransformer):
    """Leaves out what sets these names."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Return nothing to do in place of it."""
        return ast.copy_location(ast.Pass(), node) if any(_sets(node, name) for name in self.names) else node
