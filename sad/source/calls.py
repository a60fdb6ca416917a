"""Calls of a loss of PyTorch by either of its names, as a function or as a module; what stands at a place of a call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.made import Made, called

CROSS_ENTROPY = ("torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss")
NLL = ("torch.nn.functional.nll_loss", "torch.nn.NLLLoss")


def calls_of(code: Code, function: str, module: str) -> Iterator[tuple[ast.Call, Made]]:
    """Yield each call of a loss with its tensors, and how it was made; not where a module is only built."""
    if not any(name.rpartition(".")[2] in code.text for name in (function, module)):
        return
    for call in code.all(ast.Call):
        made = called(code, call)
        if made.name == function or (made.name == module and made.settings is not made.call):
            yield call, made


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """Return an argument by its place or its name; None where it is not given, or hidden behind a star."""
    for one in call.keywords:
        if one.arg == name:
            return one.value
    if len(call.args) <= place or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    return call.args[place]


def default_of(code: Code, name: ast.Name) -> ast.expr | None:
    """Return the default of the parameter that a name is; None where it is none, bound anew, or given in the file.

    A method `__init__` is given its arguments by calls of its class.
    """
    inside = code.function(name)
    if not isinstance(inside, ast.FunctionDef) or code.values(name) != [None] or name.id in code.scope(inside).bindings:
        return None
    arguments = inside.args
    owner = code.above(inside, ast.ClassDef)
    called_as = owner.name if inside.name == "__init__" and isinstance(owner, ast.ClassDef) else inside.name
    for call in code.all(ast.Call):
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if word == called_as and (any(one.arg in {name.id, None} for one in call.keywords) or len(call.args) > 2):
            return None
    by_place = [*arguments.posonlyargs, *arguments.args]
    for one, default in zip(reversed(by_place), reversed(arguments.defaults), strict=False):
        if one.arg == name.id:
            return default
    for one, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if one.arg == name.id:
            return given
    return None
