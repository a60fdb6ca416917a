"""`batchmean` of rows that are still texts

## What it looks for
`kl_div`, or `KLDivLoss`, with "batchmean", of a softmax of logits `[batch, length, vocabulary]`: cut along the
length (`[..., :-1, :]`), flattened for a label loss beside it (`x.view(-1, x.size(-1))`), a softmax of logits over
dimension 2, or the `logits` of a model of language.

## Why
"batchmean" divides by the first size alone. The divergence is then summed over the length of the texts, padding with
it: it is hundreds of times what a mean over tokens is, beside a label loss that is one, and grows with the length.

## Not told where
The rows are flattened or chosen by a mask on the way, the result is divided, there or where it is called, by
more than a temperature, or nothing tells that there are three dimensions.

## Fix
Choose the rows that count, `student_logits[mask]`, and give "batchmean" these.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    student, teacher = student_logits[..., :-1, :], teacher_logits[..., :-1, :]
    log = F.log_softmax(student / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher / T, dim=-1), reduction="batchmean") * T**2  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, labels, T):
    mask = labels[..., 1:] != -100
    student, teacher = student_logits[..., :-1, :][mask], teacher_logits[..., :-1, :][mask]
    log = F.log_softmax(student / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher / T, dim=-1), reduction="batchmean") * T**2
```

## Source
PyTorch's documentation of `torch.nn.KLDivLoss`; V205 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.divisions import divisions
from sad.source.rule import Level, Sight, SourceRule
from sad.source.shape import three

SAYS = '"batchmean" divides by texts, not by tokens: choose the rows that count, [rows, vocabulary], before it'


def look(code: Code) -> Iterator[Sight]:
    """Yield "batchmean" of rows with three dimensions."""
    for one in divergences(code):
        if one.reduction != "batchmean" or _divided(code, one.call):
            continue
        if three(code, one.input) or three(code, one.target):
            yield Sight(one.call, SAYS)


def _divided(code: Code, call: ast.Call) -> bool:
    inside = code.function(call)
    made = inside.name if isinstance(inside, ast.FunctionDef) else ""
    for one in divisions(code):
        if code.function(one.at) is inside and one.ends >= call.lineno:
            return True
        words = [getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(one.left)]
        if made and made in words:
            return True
    return False


RULE = SourceRule("S108", "batchmean-of-texts", Level.LOOK, __doc__, look, ("V205",))
