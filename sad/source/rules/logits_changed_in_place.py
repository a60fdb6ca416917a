"""Logits that were handed in are divided by a temperature in place

## What it looks for
`logits /= T`, or `*=`, of logits that are an argument of the function, or of one.

## Why
It changes what the caller holds. A label loss after it is at that temperature, a second call divides once more, and
where the backward pass needs the old values it fails.

## Not told where
The logits were made in the function, or copied before; and where `div_` is written out, which is meant, or it is
under `no_grad`, as where texts are sampled.

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
    scope = code.scope(inside)
    before = (bound.line < target.lineno for bound in scope.bindings.get(base.id, []))
    return base.id in scope.parameters and base.id != "self" and not any(before)


RULE = SourceRule("S112", "logits-changed-in-place", Level.LOOK, __doc__, look)
