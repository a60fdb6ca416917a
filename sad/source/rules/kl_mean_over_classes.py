"""`kl_div` divides by the vocabulary too

## What it looks for
`kl_div`, or `KLDivLoss`, whose reduction is left at "mean", or is an argument whose default is "mean".

## Why
Its "mean" is over all elements, rows times classes: the divergence of a row, which is a sum over classes, comes out
smaller by the size of the vocabulary, and beside a label loss the term is next to nothing.

## Not told where
What is returned is multiplied, in the same expression, a later one of the function or where it is called,
by a size of the rows; or an argument is given another value in the file.

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
    inside = code.function(of.call)
    made = inside.name if isinstance(inside, ast.FunctionDef) else ""
    for node in code.all(ast.BinOp):
        if isinstance(node.op, ast.Mult) and _is_size(code, node):
            here = code.function(node) is inside and (node.end_lineno or 0) >= of.call.lineno
            if here or made in _words(node):
                return True
    return False


def _is_size(code: Code, of: ast.expr) -> bool:
    """Return whether a size is in it, as it is written or by what a name stands for."""
    values = [value for one in ast.walk(of) if isinstance(one, ast.Name) for value in code.values(one)]
    return any(_words(one) & SIZES for one in (of, *values) if one is not None)


def _words(of: ast.expr) -> set[str]:
    words = {part.attr for part in ast.walk(of) if isinstance(part, ast.Attribute)}
    return words | {part.id for part in ast.walk(of) if isinstance(part, ast.Name)}


RULE = SourceRule("S101", "kl-mean-over-classes", Level.LOOK, __doc__, look, ("V214",))
