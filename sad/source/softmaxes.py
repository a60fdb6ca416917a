"""What a softmax is taken of, by any of its names, and whether that was divided by a temperature."""

from __future__ import annotations

import ast
import re

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.made import called
from sad.source.meaning import DEEP, KEEPS, of_torch

SOFTMAXES = {"softmax", "log_softmax"}
MODULES = {"Softmax", "LogSoftmax"}
KEEP_ROWS = KEEPS | {"log", "exp"}
FORM = KEEPS - {"clamp", "clamp_min", "clip"}
TEMPERATURE = re.compile(r"(^|_)(t|tau|temp|temps|kdt)(_|$)|temperature", re.IGNORECASE)


def is_temperature(of: ast.expr) -> bool:
    """Return whether a name, an attribute or a key says that it is a temperature."""
    if isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "float" and len(of.args) == 1:
        return is_temperature(of.args[0])
    if isinstance(of, ast.Subscript) and isinstance(of.slice, ast.Constant):
        return isinstance(of.slice.value, str) and TEMPERATURE.search(of.slice.value) is not None
    if isinstance(of, (ast.Name, ast.Attribute)):
        return TEMPERATURE.search(of.id if isinstance(of, ast.Name) else of.attr) is not None
    return False


def taken_of(code: Code, call: ast.Call) -> ast.expr | None:
    """Return what a call takes the softmax, or its logarithm, of; None where it is no softmax of PyTorch."""
    func = call.func
    word = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if word in SOFTMAXES:
        name = code.dotted(func)
        if not of_torch(code, call, name):
            made = called(code, call)
            module = made.name.startswith("torch.") and made.settings is not call
            return argument(call, 0, "input") if module else None
        whole = isinstance(func, ast.Name) or name.startswith("torch.")
        return argument(call, 0, "input") if whole else func.value if isinstance(func, ast.Attribute) else None
    made = called(code, call)
    if made.name.rpartition(".")[2] in MODULES and made.settings is not call:
        return argument(call, 0, "input")
    return None


def softmax_of(code: Code, of: ast.expr | None, deep: int = 0) -> ast.expr | None:
    """Return what rows of probabilities, or of their logarithms, are the softmax of; None if more than one or unknown.

    Followed through names, attributes of ``self``, changes of form, ``log`` and ``exp``.
    """
    if of is None or deep > DEEP:
        return None
    if isinstance(of, (ast.Name, ast.Attribute)):
        values = code.values(of) if isinstance(of, ast.Name) else code.attribute(of)
        return softmax_of(code, values[0], deep + 1) if len(values) == 1 else None
    if isinstance(of, ast.Subscript):
        return softmax_of(code, of.value, deep + 1)
    if not isinstance(of, ast.Call):
        return None
    found = taken_of(code, of)
    if found is None and isinstance(of.func, ast.Attribute) and of.func.attr in KEEP_ROWS:
        whole = code.dotted(of.func).startswith("torch.")
        return softmax_of(code, argument(of, 0, "input") if whole else of.func.value, deep + 1)
    return found


def bare(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether rows are what a softmax gave, by every way to them, with no bound set and nothing added since."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, (ast.Name, ast.Attribute)):
        values = code.values(of) if isinstance(of, ast.Name) else code.attribute(of)
        return bool(values) and all(bare(code, value, deep + 1) for value in values)
    if isinstance(of, ast.Subscript):
        return bare(code, of.value, deep + 1)
    if not isinstance(of, ast.Call):
        return False
    if taken_of(code, of) is not None:
        return called(code, of).name.rpartition(".")[2] in {"softmax", "Softmax"}
    return isinstance(of.func, ast.Attribute) and of.func.attr in FORM and bare(code, of.func.value, deep + 1)


def tempered(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether what a softmax is taken of is divided by a temperature, by every way to it."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, ast.BinOp):
        return isinstance(of.op, ast.Div) and is_temperature(of.right)
    if isinstance(of, ast.Name):
        return all(tempered(code, value, deep + 1) for value in code.values(of))
    if isinstance(of, ast.Subscript):
        return tempered(code, of.value, deep + 1)
    if isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute):
        if of.func.attr == "div_" and of.args:
            return is_temperature(of.args[0])
        return of.func.attr in KEEPS and tempered(code, of.func.value, deep + 1)
    return False
