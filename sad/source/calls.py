"""Calls of a loss of PyTorch by either of its names, as a function or as a module; what stands at a place of a call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.meaning import Made, called

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
