"""A term at a temperature beside a label loss, without T²

## What it looks for
A divergence of two softmaxes at a temperature, or a softmax at one that is a teacher's or has a `log_softmax` of
other rows at one beside it, in a function that has a label loss too, where no square of a temperature is in the file.

## Why
The gradient of a term at temperature T is smaller by T². Without the factor a change of T changes the weight of the
two terms against each other: at T = 4 the teacher counts a sixteenth of what its weight says.

## Not told where
A square of a temperature stands anywhere in the file, a temperature is only on one side, the student has
one of its own, or there is no label loss beside it, or one at a temperature too.

## Fix
`kl_div(...) * T**2`.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    soft = F.softmax(teacher_logits / T, dim=-1)
    kd = F.kl_div(F.log_softmax(student_logits / T, dim=-1), soft, reduction="batchmean")  # here
    return alpha * kd + (1 - alpha) * F.cross_entropy(student_logits, labels)
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    soft = F.softmax(teacher_logits / T, dim=-1)
    kd = F.kl_div(F.log_softmax(student_logits / T, dim=-1), soft, reduction="batchmean") * T**2
    return alpha * kd + (1 - alpha) * F.cross_entropy(student_logits, labels)
```

## Source
Hinton et al. 2015, arXiv 1503.02531, section 2; V109 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.calls import CROSS_ENTROPY, NLL, argument, calls_of
from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.made import called
from sad.source.meaning import Whose, whose
from sad.source.rule import Level, Sight, SourceRule
from sad.source.softmaxes import is_temperature, softmax_of, taken_of, tempered

SAYS = "at a temperature, beside a label loss, and nothing is multiplied by its square: its weight falls as T grows"
SQUARES = re.compile(r"(temp\w*|tau|\bT)_?(sq\w*|2)\b", re.IGNORECASE)
SHARPENED = re.compile(r"student_(temp|tau)|(temp|tau)_s(tudent)?\b", re.IGNORECASE)
"""With one of its own for each model it is another method, in which no square is meant."""
POWERS = {"pow", "square", "power"}


def look(code: Code) -> Iterator[Sight]:
    """Yield terms at a temperature beside a label loss."""
    if "softmax" not in code.text.lower():
        return
    labels = [call for names in (CROSS_ENTROPY, NLL) for call, _ in calls_of(code, *names)]
    labels = [one for one in labels if not tempered(code, argument(one, 0, "input"))]  # those fall in the same way
    labelled = {id(over) for one in labels if (over := code.function(one)) is not None}
    if not labelled or _squared(code):
        return
    told: set[int] = set()
    for one in divergences(code):
        inside = id(code.function(one.call))
        sides = (softmax_of(code, one.input), softmax_of(code, one.target))
        if inside in labelled and all(tempered(code, side) for side in sides):
            told.add(inside)
            yield Sight(one.call, SAYS)
    for call in code.all(ast.Call):
        inside = id(code.function(call))
        if inside not in labelled or inside in told:
            continue
        of = taken_of(code, call)
        if of is not None and tempered(code, of) and _is_target(code, call, of):
            told.add(inside)
            yield Sight(call, SAYS)


def _is_target(code: Code, call: ast.Call, of: ast.expr) -> bool:
    """Return whether a softmax at a temperature is the target of a cross entropy by hand."""
    name = called(code, call).name.rpartition(".")[2]
    if name not in {"softmax", "Softmax"}:
        return False
    if whose(code, of) is Whose.TEACHER and _both(code, call):
        return True
    inside, rows = code.function(call), ast.unparse(of)
    for other in code.all(ast.Call):
        if code.function(other) is inside and called(code, other).name.rpartition(".")[2] in {
            "log_softmax",
            "LogSoftmax",
        }:
            log = taken_of(code, other)
            if log is not None and tempered(code, log) and ast.unparse(log) != rows:
                return True
    return False


def _both(code: Code, teacher: ast.Call) -> bool:
    """Return whether the function divides something else by a temperature as well: the student's."""
    inside = code.function(teacher)
    assert inside is not None
    own = {id(node) for node in ast.walk(teacher)}
    divided = [one for one in ast.walk(inside) if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Div)]
    others = [one for one in divided if is_temperature(one.right) and id(one) not in own]
    return bool(others)


def _squared(code: Code) -> bool:
    """Return whether a temperature is squared anywhere, by any way to write it."""
    if SQUARES.search(code.text) or SHARPENED.search(code.text):
        return True
    for one in code.all(ast.BinOp):
        if isinstance(one.op, ast.Pow) and _speaks(one.left):
            return True
        if isinstance(one.op, ast.Mult) and sum(_speaks(factor) for factor in _factors(one)) > 1:
            return True
    named = (one for one in code.all(ast.Call) if code.dotted(one.func).rpartition(".")[2] in POWERS)
    return any(_speaks(one) for one in named) or _multiplied(code) > 1


def _multiplied(code: Code) -> int:
    """Return how often something is multiplied by a temperature: twice may be its square, one after the other."""
    by = [one.value for one in code.all(ast.AugAssign) if isinstance(one.op, ast.Mult)]
    for one in code.all(ast.BinOp):
        by += [one.left, one.right] if isinstance(one.op, ast.Mult) else []
    calls = (one for one in code.all(ast.Call) if isinstance(one.func, ast.Attribute))
    by += [one for call in calls if getattr(call.func, "attr", "") == "mul_" for one in call.args]
    return sum(is_temperature(one) for one in by)


def _factors(of: ast.expr) -> Iterator[ast.expr]:
    if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Mult):
        yield from _factors(of.left)
        yield from _factors(of.right)
    else:
        yield of


def _speaks(of: ast.expr) -> bool:
    """Return whether a temperature is named in it."""
    return any(isinstance(one, ast.expr) and is_temperature(one) for one in ast.walk(of))


RULE = SourceRule("S105", "temperature-squared-missing", Level.LOOK, __doc__, look, ("V109",))
