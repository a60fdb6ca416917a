"""A cross entropy by hand sums over another axis than its softmax

## What it looks for
`(log_softmax(x, dim=1) * p).sum(-1)` of rows that surely have three dimensions, or two axes that cannot be one: both
counted from the front, or both from the back, and different.

## Why
`log_softmax` over the axis of places makes the places of a text sum to 1, not the vocabulary: the sum over the
vocabulary is of no logarithms of probabilities, and the loss falls where one place outweighs the others.

## Not told where
One axis is counted from the front and the other from the back, and nothing shows three dimensions: of two they are one.

## Fix
`log_softmax(x, dim=-1)`.

## Faulty
```python
import torch
import torch.nn.functional as F


def soft_loss(student_logits, soft_labels):
    shifted = student_logits[:, :-1, :].contiguous()
    return -torch.sum(F.log_softmax(shifted, dim=1) * soft_labels, dim=-1).mean()  # here
```

## Right
```python
import torch
import torch.nn.functional as F


def soft_loss(student_logits, soft_labels):
    shifted = student_logits[:, :-1, :].contiguous()
    return -torch.sum(F.log_softmax(shifted, dim=-1) * soft_labels, dim=-1).mean()


def of_images(student_logits, soft_labels):
    return -(F.log_softmax(student_logits, dim=1) * soft_labels).sum(dim=-1).mean()
```

## Source
salesforce/ALBEF before its commit b726f8e; uta-smile/TCL issue 12.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.made import called
from sad.source.rule import Level, Sight, SourceRule
from sad.source.shape import three
from sad.source.softmaxes import taken_of

SAYS = "the log_softmax is over axis {} and the sum over axis {}: take both over the classes"
DIMENSIONS = 3


def look(code: Code) -> Iterator[Sight]:
    """Yield log-softmaxes in a product that is summed over another axis."""
    if "og_softmax" not in code.text and "LogSoftmax" not in code.text:
        return
    for total in code.all(ast.Call):
        of, over = _summed(code, total)
        if of is None or over is None:
            continue
        for side in (of.left, of.right):
            log = _one(code, side)
            rows = taken_of(code, log) if log is not None else None
            axis = _axis(_dimension(code, log)) if log is not None and rows is not None else None
            if axis is not None and _differ(axis, over, sure=three(code, rows)):
                yield Sight(total, SAYS.format(axis, over))


def _summed(code: Code, call: ast.Call) -> tuple[ast.BinOp | None, int | None]:
    """Return the product that a call sums, and over which axis."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr != "sum":
        return None, None
    whole = code.dotted(func) == "torch.sum"
    of = argument(call, 0, "input") if whole else func.value
    product = of if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Mult) else None
    return product, _axis(argument(call, 1 if whole else 0, "dim"))


def _one(code: Code, side: ast.expr) -> ast.Call | None:
    """Return the call that makes a side, its sign left out; None where it is not a log-softmax."""
    side = side.operand if isinstance(side, ast.UnaryOp) else side
    values = code.values(side) if isinstance(side, ast.Name) else [side]
    made = values[0] if len(values) == 1 else None
    named = called(code, made).name.rpartition(".")[2] if isinstance(made, ast.Call) else ""
    return made if isinstance(made, ast.Call) and named in {"log_softmax", "LogSoftmax"} else None


def _dimension(code: Code, log: ast.Call) -> ast.expr | None:
    """Return the axis that a log-softmax is given, or its module was."""
    made = called(code, log)
    if made.settings is not None and made.settings is not log:
        return argument(made.settings, 0, "dim")
    method = isinstance(log.func, ast.Attribute) and not made.name.startswith("torch.")
    return argument(log, 0 if method else 1, "dim")


def _axis(of: ast.expr | None) -> int | None:
    sign = -1 if isinstance(of, ast.UnaryOp) and isinstance(of.op, ast.USub) else 1
    of = of.operand if isinstance(of, ast.UnaryOp) else of
    return sign * of.value if isinstance(of, ast.Constant) and type(of.value) is int else None


def _differ(one: int, other: int, *, sure: bool) -> bool:
    """Return whether two axes are not one; ``sure`` where there are three dimensions."""
    if (one < 0) == (other < 0):
        return one != other
    return sure and one % DIMENSIONS != other % DIMENSIONS


RULE = SourceRule("S115", "cross-entropy-over-another-axis", Level.LOOK, __doc__, look)
