"""A softmax of what a softmax was taken of already

## What it looks for
`softmax` or `log_softmax` of what comes out of a softmax, or of the `attentions` that a model of `transformers`
gives.

## Why
Probabilities lie between 0 and 1: as logits they are nearly alike, and their softmax is nearly uniform, for a sure
teacher as for one that knows nothing. `attentions` are probabilities, after the softmax of the model.

## Not told where
What it is taken of cannot be followed to a softmax, or is one on some ways only. A softmax of log-probabilities is
right: it gives the probabilities back, also at another temperature.

## Fix
Take one softmax, of the logits; of `attentions` none.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, outputs):
    teacher = F.softmax(teacher_logits, dim=-1)
    maps = F.softmax(outputs.attentions[-1], dim=-1)  # here
    student = F.log_softmax(student_logits, dim=-1)
    return F.kl_div(student, F.softmax(teacher / 2.0, dim=-1), reduction="batchmean"), maps  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, outputs):
    teacher = F.softmax(teacher_logits / 2.0, dim=-1)
    maps = outputs.attentions[-1]
    student = F.log_softmax(student_logits / 2.0, dim=-1)
    return F.kl_div(student, teacher, reduction="batchmean") * 2.0**2, maps
```

## Source
V603 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.meaning import KEEPS, Kind, kind
from sad.source.rule import Level, Sight, SourceRule
from sad.source.softmaxes import taken_of

SAYS = "the softmax of what is probabilities already, which brings them near to uniform: take it once, of the logits"
MAPS = {"attentions", "encoder_attentions", "decoder_attentions", "cross_attentions"}
"""Attributes of what a model of ``transformers`` gives, each after a softmax."""


def look(code: Code) -> Iterator[Sight]:
    """Yield a softmax of probabilities."""
    if "softmax" not in code.text.lower():
        return
    for call in code.all(ast.Call):
        of = taken_of(code, call)
        while isinstance(of, ast.BinOp) and isinstance(of.op, (ast.Div, ast.Mult)):
            of = of.left
        if of is not None and (kind(code, of) is Kind.PROBS or _is_map(code, of)):
            yield Sight(call, SAYS)


def _is_map(code: Code, of: ast.expr | None) -> bool:
    """Return whether it is a map of attention, chosen by layer at most since."""
    while of is not None:
        if isinstance(of, ast.Name):
            values = code.values(of)
            of = values[0] if len(values) == 1 else None
        elif isinstance(of, ast.Subscript):
            of = of.value
        elif isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.func.attr in KEEPS:
            of = of.func.value
        else:
            break
    return isinstance(of, ast.Attribute) and of.attr in MAPS


RULE = SourceRule("S113", "softmax-of-probabilities", Level.LOOK, __doc__, look, ("V603",))
