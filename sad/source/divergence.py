"""Calls of PyTorch's KL divergence, by function or module, with their settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from sad.source.calls import calls_of, default_of
from sad.source.code import Code

FUNCTION, MODULE = "torch.nn.functional.kl_div", "torch.nn.KLDivLoss"
UNTOLD = "?"
SETTINGS = ("size_average", "reduce", "reduction", "log_target")
"""In their order; a function has its two tensors before them."""


@dataclass(frozen=True, slots=True)
class KlDiv:
    """``kl_div(input, target)``; ``reduction`` is also that of a method behind it.

    It is UNTOLD, and ``log_target`` None, where reading cannot tell it.
    """

    call: ast.Call
    input: ast.expr
    target: ast.expr
    reduction: str
    log_target: bool | None


def divergences(code: Code) -> Iterator[KlDiv]:
    """Yield each call of ``torch.nn.functional.kl_div`` or of a ``torch.nn.KLDivLoss`` that gives it both arguments."""
    for call, made in calls_of(code, FUNCTION, MODULE):
        if made.settings is None:
            continue
        named = {one.arg: one.value for one in call.keywords if one.arg}
        pair = [*call.args[:2], *(named[name] for name in ("input", "target") if name in named)]
        if len(pair) != 2 or any(isinstance(one, ast.Starred) for one in call.args):
            continue
        reduction, log_target = _settings(code, made.settings, of_function=made.name == FUNCTION)
        if reduction == "none":
            reduction = _of_method(code, call) or reduction
        yield KlDiv(call, pair[0], pair[1], reduction, log_target)


def _of_method(code: Code, call: ast.Call) -> str:
    """Return the reduction of ``kl_div(…).sum()`` or ``.mean()``, over everything; "" where there is none such."""
    named = code.parent.get(id(call))
    over = code.parent.get(id(named)) if isinstance(named, ast.Attribute) else None
    whole = isinstance(over, ast.Call) and over.func is named and not over.args and not over.keywords
    return named.attr if whole and isinstance(named, ast.Attribute) and named.attr in {"sum", "mean"} else ""


def _settings(code: Code, call: ast.Call, *, of_function: bool) -> tuple[str, bool | None]:
    named = {one.arg: one.value for one in call.keywords}
    if None in named or any(isinstance(one, ast.Starred) for one in call.args):
        return UNTOLD, None
    by_place = zip(SETTINGS, call.args[2 if of_function else 0 :], strict=False)
    both = {**dict(by_place), **{name: value for name, value in named.items() if name}}
    both = {
        name: value for name, value in both.items() if not (isinstance(value, ast.Constant) and value.value is None)
    }
    if "size_average" in both or "reduce" in both:
        return UNTOLD, _flag(both.get("log_target"))
    reduction = both.get("reduction")
    if reduction is None:
        return "mean", _flag(both.get("log_target"))
    if isinstance(reduction, ast.Name):
        reduction = default_of(code, reduction)
    told = reduction.value if isinstance(reduction, ast.Constant) and isinstance(reduction.value, str) else UNTOLD
    return told, _flag(both.get("log_target"))


def _flag(value: ast.expr | None) -> bool | None:
    if value is None:
        return False
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, bool) else None
