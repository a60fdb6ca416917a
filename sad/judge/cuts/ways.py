"""Where a function ends in a loss, and the statements on the way there, those that are passed in any case or not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from sad.judge.names import tokens
from sad.source.code import Code

COMPARES = re.compile(
    r"kl_?div|KLDiv|jsd|js_div|distill?|soft_?(target|label|loss)|(^|_)kd(_|$|loss)|kl_loss|(^|_)kld?(_|$)"
)
"""In the names of functions that compare two distributions, and of what they give."""
INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class End:
    """An expression that is a loss, and the statement that it stands in, or that it is read after.

    ``whole``: it is what the function returns, or sends back; else one term of that.
    """

    loss: ast.expr
    at: ast.stmt
    whole: bool


def ends(function: Function) -> list[End]:
    """Return the ends of a function, the likeliest first: the whole loss, then its terms."""
    own = list(_own(function))
    sent = [End(one, at, True) for at in own if isinstance(at, ast.Expr) and (one := _sent(at.value)) is not None]
    given = [at for at in own if isinstance(at, ast.Return)]
    returned = [End(one, at, True) for at in given if (one := _returned(at.value)) is not None]
    # where a term is made in several steps, it is what the last one makes of it
    terms = {
        target.id: End(ast.Name(target.id, ast.Load()), at, False)
        for at in own
        if isinstance(at, ast.Assign)
        for target in at.targets
        if isinstance(target, ast.Name) and _compares(at, target)
    }
    return [*returned[::-1], *sent[::-1], *terms.values()]


def way_to(function: Function, at: ast.stmt) -> tuple[list[ast.stmt], bool]:
    """Return the statements before one, as if everything that it stands in were entered, and whether that depends on
    a condition.
    """
    found, asked = _way(function.body, at)
    assert found is not None, "a statement stands in its function"
    return found, asked


def _way(body: list[ast.stmt], at: ast.stmt) -> tuple[list[ast.stmt] | None, bool]:
    for place, one in enumerate(body):
        if one is at:
            return body[: place + 1], False
        if isinstance(one, INNER):
            continue
        for name, part in ast.iter_fields(one):
            blocks = [part] if name in ("body", "orelse", "finalbody") else []
            blocks += [inner.body for inner in part if hasattr(inner, "body")] if name in ("handlers", "cases") else []
            for block in blocks:
                inside, asked = _way(block, at) if isinstance(block, list) else (None, False)
                if inside is not None:
                    return [*body[:place], *inside], asked or isinstance(one, ast.If | ast.Match)
    return None, False


def _own(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function, not those of functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, INNER):
            continue
        if isinstance(child, ast.stmt):
            yield child
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _own(child)


def _sent(value: ast.expr) -> ast.expr | None:
    """What a statement sends back: of ``loss.backward()`` and ``accelerator.backward(loss)`` the loss."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return None
    if value.func.attr not in ("backward", "manual_backward"):
        return None
    found = value.args[0] if value.args else value.func.value
    while isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and found.func.attr == "scale":
        found = found.args[0] if found.args else found.func.value
    return found if isinstance(found, ast.Name | ast.BinOp) else None


def _returned(value: ast.expr | None) -> ast.expr | None:
    """Of what is returned the loss: the first of a tuple, the entry of a dict or the argument of that name, or all."""
    if isinstance(value, ast.Tuple) and value.elts:
        return _returned(value.elts[0])
    if isinstance(value, ast.IfExp):
        return _returned(value.orelse) or _returned(value.body)
    if isinstance(value, ast.Dict):
        named = zip(value.keys, value.values, strict=True)
        return next((one for key, one in named if isinstance(key, ast.Constant) and _is_loss(str(key.value))), None)
    if isinstance(value, ast.Call):
        named_loss = next((one.value for one in value.keywords if one.arg == "loss"), None)
        return named_loss if named_loss is not None else value
    if isinstance(value, ast.Constant) or value is None:
        return None
    return value


def _is_loss(name: str) -> bool:
    return "loss" in tokens(name)


def _compares(at: ast.Assign, target: ast.Name) -> bool:
    """Whether a statement gives what compares two distributions: by what it calls, or by its name."""
    every = [one for one in ast.walk(at.value) if isinstance(one, ast.Call)]
    names = [one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "") for one in every]
    made = [one.func.func for one in every if isinstance(one.func, ast.Call)]
    names += [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in made]
    if any(COMPARES.search(name) for name in names):
        return True
    return bool(COMPARES.search(target.id)) and _is_loss(target.id)


def node_of(function: FunctionType) -> tuple[Code | None, Function | None, dict[str, Any]]:
    """Return the file that a function stands in, its node there, and what its module holds; None for what is not."""
    file, line = function.__code__.co_filename, function.__code__.co_firstlineno
    try:
        code = Code(Path(file).read_text(encoding="utf-8"), file)
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None, None, function.__globals__
    kinds: tuple[type[Function], ...] = (ast.FunctionDef, ast.AsyncFunctionDef)
    every = [one for kind in kinds for one in code.all(kind) if one.name == function.__name__]
    # where what decorated it was left out it begins with its own line
    found = next((one for one in every if _first(one) <= line <= one.lineno), None)
    return (code, found, function.__globals__) if found is not None else (None, None, function.__globals__)


def _first(of: Function) -> int:
    return min([of.lineno, *(part.lineno for part in of.decorator_list)])
