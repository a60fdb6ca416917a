"""The logarithm of a softmax, by hand

## What it looks for
`log` of what comes out of a softmax, with nothing added against 0.

## Why
A probability that is too small for its type is 0: in float32 from 104 below the largest logit on, in float16 from 18.
Its logarithm is -inf, the divergence is inf or, multiplied by 0, NaN, and so is every gradient.

## Not told where
Something is added or a bound is set in between (`+ 1e-8`, `clamp`, `p[p > 0]`), it is in float64, or under `no_grad`.

## Fix
`log_softmax`, which takes the logarithm before anything is lost.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits):
    log = F.softmax(student_logits, dim=-1).log()  # here
    return F.kl_div(log, F.softmax(teacher_logits, dim=-1), reduction="batchmean")
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits):
    log = F.log_softmax(student_logits, dim=-1)
    return F.kl_div(log, F.softmax(teacher_logits, dim=-1), reduction="batchmean")


def entropy(teacher_logits):
    p = F.softmax(teacher_logits, dim=-1)
    return -(p * (p + 1e-8).log()).sum(-1)
```

## Source
V217 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.gradient import without
from sad.source.rule import Level, Sight, SourceRule
from sad.source.softmaxes import bare

WIDE = re.compile(r"double|float64")
"""In this type a probability is 0 from 745 below the largest logit on, where none is."""
SAYS = "the logarithm of a softmax is -inf where a probability is too small for its type: use log_softmax"


def look(code: Code) -> Iterator[Sight]:
    """Yield logarithms of a softmax."""
    if "softmax" not in code.text and "Softmax" not in code.text:
        return
    for call in code.all(ast.Call):
        of = None
        if code.dotted(call.func) == "torch.log":
            of = argument(call, 0, "input")
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "log" and not call.args:
            of = call.func.value
        if of is None or _chosen(of) or WIDE.search(ast.unparse(of)):
            continue
        if bare(code, of) and not without(code, call):
            yield Sight(call, SAYS)


def _chosen(of: ast.expr) -> bool:
    """Return whether places are chosen by a comparison, `p[p > 0]`."""
    return isinstance(of, ast.Subscript) and any(isinstance(one, ast.Compare) for one in ast.walk(of.slice))


RULE = SourceRule("S109", "log-of-softmax", Level.LOOK, __doc__, look, ("V217",))
