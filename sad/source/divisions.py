"""What is divided by what in a file, temperatures left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sad.source.code import Code
from sad.source.softmaxes import is_temperature


@dataclass(frozen=True, slots=True)
class Division:
    """``left / right``, ``left /= right`` or ``left.div_(right)``, and the line that it ends in."""

    at: ast.BinOp | ast.AugAssign | ast.Call
    left: ast.expr
    right: ast.expr
    ends: int


@lru_cache(maxsize=1)
def divisions(code: Code) -> tuple[Division, ...]:
    """Return each division by something else than a temperature or a number."""
    return tuple(_divisions(code))


def _divisions(code: Code) -> Iterator[Division]:
    for one in code.all(ast.BinOp):
        if isinstance(one.op, ast.Div) and not _no_size(one.right):
            yield Division(one, one.left, one.right, one.end_lineno or one.lineno)
    for other in code.all(ast.AugAssign):
        if isinstance(other.op, ast.Div) and not _no_size(other.value):
            yield Division(other, other.target, other.value, other.end_lineno or other.lineno)
    for call in code.all(ast.Call):
        divides = isinstance(call.func, ast.Attribute) and call.func.attr == "div_" and len(call.args) == 1
        if divides and isinstance(call.func, ast.Attribute) and not _no_size(call.args[0]):
            yield Division(call, call.func.value, call.args[0], call.end_lineno or call.lineno)


def _no_size(of: ast.expr) -> bool:
    return isinstance(of, ast.Constant) or is_temperature(of)
