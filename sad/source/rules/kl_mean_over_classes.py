"""`kl_div` divides by the vocabulary too

## What it looks for
`kl_div`, or `KLDivLoss`, whose reduction is left at "mean".

## Why
Its "mean" is over all elements, rows times classes: the divergence of a row, which is a sum over classes, comes out
smaller by the size of the vocabulary, and beside a label loss the term is next to nothing.

## Not told where
What is returned is multiplied, in the same expression or a later one of the function, by a size of the rows.

## Fix
`reduction="batchmean"` over rows that are flattened to `[rows, classes]`, or "none", summed over the classes.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    soft = F.softmax(teacher_logits / T, dim=-1)
    return F.kl_div(F.log_softmax(student_logits / T, dim=-1), soft) * T**2  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    soft = F.softmax(teacher_logits / T, dim=-1)
    log = F.log_softmax(student_logits / T, dim=-1)
    return F.kl_div(log, soft, reduction="batchmean") * T**2


def by_hand(student, teacher):
    kl = F.kl_div(F.log_softmax(student, dim=-1), F.softmax(teacher, dim=-1))
    return kl * student.size(-1)
```

## Source
The note in PyTorch's documentation of `torch.nn.KLDivLoss`; V214 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divergence import KlDiv, divergences
from sad.source.rule import Level, Sight, SourceRule

SIZES = {"size", "shape", "numel", "vocab_size", "num_classes", "n_classes", "class_num", "num_labels"}
SAYS = 'kl_div\'s "mean" divides by the classes as well as the rows: give reduction="batchmean" over flattened rows'


def look(code: Code) -> Iterator[Sight]:
    """Yield calls whose reduction is the mean over all elements."""
    for one in divergences(code):
        if one.reduction == "mean" and not _made_up_for(code, one):
            yield Sight(one.call, SAYS)


def _made_up_for(code: Code, of: KlDiv) -> bool:
    """Return whether the function multiplies something by a size after the call."""
    inside = code.function(of.call) or code.tree
    for node in ast.walk(inside):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and (node.end_lineno or 0) >= of.call.lineno:
            words = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
            words |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if words & SIZES:
                return True
    return False


RULE = SourceRule("S101", "kl-mean-over-classes", Level.LOOK, __doc__, look, ("V214",))
