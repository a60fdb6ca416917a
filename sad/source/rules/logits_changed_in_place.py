"""Logits that were handed in are divided by a temperature in place

## What it looks for
`logits /= T`, or `*=`, of logits that are an argument of the function, or of one.

## Why
It changes what the caller holds. A label loss after it is at that temperature, a second call divides once more, and
where the backward pass needs the old values it fails.

## Not told where
The logits were made in the function, or copied before (a view is no copy); and where `div_` is written out, which is
meant, or it is under `no_grad`, as where texts are sampled.

## Fix
`logits = logits / T`.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    student_logits /= T  # here
    log = F.log_softmax(student_logits, dim=-1)
    return F.kl_div(log, F.softmax(teacher_logits / T, dim=-1), reduction="batchmean") * T**2
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    student_logits = student_logits / T
    log = F.log_softmax(student_logits, dim=-1)
    return F.kl_div(log, F.softmax(teacher_logits / T, dim=-1), reduction="batchmean") * T**2
```

## Source
PyTorch's notes on autograd, "In-place operations with autograd".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.gradient import without
from sad.source.meaning import is_logits
from sad.source.rule import Level, Sight, SourceRule
from sad.source.softmaxes import is_temperature

VIEWS = {"view", "squeeze", "unsqueeze", "transpose", "permute", "view_as", "expand", "t"}
DEEP = 3
SAYS = "changes the logits that the caller holds, who goes on with them at this temperature: logits = logits / T"


def look(code: Code) -> Iterator[Sight]:
    """Yield changes in place of what came from outside."""
    for one in code.all(ast.AugAssign):
        if not isinstance(one.op, (ast.Div, ast.Mult)) or not is_temperature(one.value):
            continue
        held = isinstance(one.target, (ast.Name, ast.Attribute)) and not without(code, one)
        if held and isinstance(one.target, (ast.Name, ast.Attribute)) and _handed_in(code, one.target):
            yield Sight(one, SAYS)


def _handed_in(code: Code, target: ast.Name | ast.Attribute) -> bool:
    """Return whether these are logits of an argument that nothing was bound to before."""
    base = target.value if isinstance(target, ast.Attribute) else target
    inside = code.function(target)
    if inside is None or not isinstance(base, ast.Name) or not is_logits(code, target):
        return False
    return base.id != "self" and _is_part(code, base)


def _is_part(code: Code, name: ast.Name, deep: int = 0) -> bool:
    """Return whether a name is a parameter, or a view of one, which shares its memory."""
    values = code.values(name)
    inside = code.function(name)
    if values == [None] or deep > DEEP:
        return deep <= DEEP and inside is not None and name.id in code.scope(inside).parameters
    of = values[0] if len(values) == 1 else None
    while isinstance(of, ast.Subscript) or (isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute)):
        if isinstance(of, ast.Call) and not (isinstance(of.func, ast.Attribute) and of.func.attr in VIEWS):
            return False
        if isinstance(of, ast.Subscript) and not _is_cut(of.slice):
            return False
        of = of.value if isinstance(of, ast.Subscript) else of.func.value if isinstance(of.func, ast.Attribute) else of
    return isinstance(of, ast.Name) and _is_part(code, of, deep + 1)


def _is_cut(of: ast.expr) -> bool:
    """Return whether a subscript is slices and numbers alone, which give a view."""
    parts = of.elts if isinstance(of, ast.Tuple) else [of]
    return all(isinstance(one, (ast.Slice, ast.Constant, ast.UnaryOp)) for one in parts)


RULE = SourceRule("S112", "logits-changed-in-place", Level.LOOK, __doc__, look)
