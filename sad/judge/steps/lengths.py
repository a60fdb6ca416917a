"""How a step's gradient changes with the length of its texts: a mean over tokens does not, a sum of them does."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.judge.judging import Code
from sad.judge.texts import text_of
from sad.verdict import Standing, Verdict

SIZES = (6, 12, 24)
"""Tokens of a text: each twice as many as the one before."""
TOKEN, TEXTS = 3, 2
SAME = 1e-3
"""Relative: what float32 and a mean over one row less leave."""

Gradient = Callable[[list[Int[Tensor, " token"]]], Float[Tensor, " weight"]]
"""Takes the texts of an optimizer step in ids, returns the gradient that the optimizer is handed for them."""


def alike(size: int) -> list[Int[Tensor, " token"]]:
    """Return texts of one token, over and over: all their rows are the same, and so are all means over rows."""
    return [torch.full((size,), TOKEN) for _ in range(TEXTS)]


def grows(gradient: Gradient, code: Code) -> Verdict:
    """Judge a step by texts of one token and three lengths: the gradient is the same, or grows with the length.

    `batchmean` of [batch, length, vocab] grows: it is divided by the texts alone. A sum that is left to its caller is
    allowed, but not where a part of the gradient grows beside one that does not: then they weigh otherwise for each
    length.
    """
    short, middle, long = (gradient(alike(size)).double() for size in SIZES)
    size, first, second = float(short.norm()), middle - short, long - middle
    if not size > 0:
        return Verdict(True, "its gradient is zero on texts of one token", standing=Standing.NOT_APPLICABLE)
    times = float(long.norm()) / size
    numbers = {"times": times}
    if float(first.norm()) <= SAME * size and float(second.norm()) <= SAME * size:
        return Verdict(True, f"the same gradient for texts of {SIZES[0]}, {SIZES[1]} and {SIZES[2]} tokens", numbers)
    if float((second - 2 * first).norm()) > 0.1 * float(second.norm()):
        says = f"its gradient for {SIZES[2]} tokens is {times:.3g} times that for {SIZES[0]}, and does not grow evenly"
        return Verdict(True, says, numbers, standing=Standing.ALLOWED)
    says = (
        f"its gradient grows with the length of the texts: for {SIZES[2]} tokens {times:.3g} times that for {SIZES[0]}"
    )
    # of no token at all nothing is left of a sum, or one row more or less of it
    rest = short - first
    along = float(rest @ first / first.square().sum())
    other = float((rest - along * first).norm()) > SAME * float(first.norm()) or abs(along) > 1.01 / SIZES[0]
    if "batchmean" in _source(code):
        return Verdict(
            False,
            f"{says}; `batchmean` of [batch, length, vocab] is divided by the texts, not by their tokens",
            numbers,
        )
    if other:
        why = "a part of it is a mean over tokens, and a part is not: what they weigh changes with the length"
        return Verdict(False, f"{says}; {why}", numbers)
    return Verdict(
        True, f"{says}: a sum over tokens, right where texts are of one length", numbers, standing=Standing.ALLOWED
    )


def _source(code: Code) -> str:
    """Return the source of a step, and of the functions, classes and constants of its module that it names."""
    target: Any = code.target
    of = code.owner or (target if inspect.isclass(target) or inspect.isroutine(target) else type(target))
    try:
        own, whole = text_of(of), text_of(inspect.getmodule(of) or of)
    except (OSError, TypeError):
        return ""
    found = [own]
    for node in ast.parse(whole).body:
        names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        names += [one.id for one in getattr(node, "targets", []) if isinstance(one, ast.Name)]
        if any(re.search(rf"\b{name}\b", own) for name in names):
            found.append(ast.get_source_segment(whole, node) or "")
    return "\n".join(found)
