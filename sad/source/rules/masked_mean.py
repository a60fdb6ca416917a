"""A loss that is multiplied by a mask of padding, and then averaged over all places

## What it looks for
`(loss * mask).mean()`, where the mask is one of padding or of labels: by its name, or by what it was made of.

## Why
The places that the mask leaves out are 0 and still counted: the loss is smaller by the share of the texts, and the
same text weighs less in a batch with a longer one.

## Not told where
The mask is not known to be one of padding or labels, such as one of confidence, where a mean over all rows is meant;
the mask was divided before, by its sum, or the
function takes its sum or mean in another place.

## Fix
`(loss * mask).sum() / mask.sum()`, or `loss[mask].mean()`.

## Faulty
```python
import torch.nn.functional as F


def loss(student_logits, teacher_logits, attention_mask):
    kl = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    return (kl * attention_mask).mean()  # here
```

## Right
```python
import torch.nn.functional as F


def loss(student_logits, teacher_logits, attention_mask):
    kl = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    return (kl * attention_mask).sum() / attention_mask.sum()
```

## Source
V212 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.meaning import DEEP, KEEPS
from sad.source.rule import Level, Sight, SourceRule

SAYS = "a mean over all places, of which the mask leaves some out: divide the sum by that of the mask"
PADDING = re.compile(r"(attention|attn|pad|padding|loss|labels?|completion|response|tokens?)_?mask|mask_?pad")
LOSS = re.compile(r"loss|nll|(^|_)(kl|ce|kd|kld|jsd|mse|div)(_|$)|divergence", re.IGNORECASE)


def look(code: Code) -> Iterator[Sight]:
    """Yield means of what a mask was multiplied onto."""
    if "mask" not in code.text:
        return
    for call in code.all(ast.Call):
        of = None
        if code.dotted(call.func) == "torch.mean" and not call.keywords and len(call.args) == 1:
            of = argument(call, 0, "input")
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "mean" and not (call.args or call.keywords):
            of = call.func.value
        product = _one(code, of)
        if not (isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult)):
            continue
        for rows, mask in ((product.left, product.right), (product.right, product.left)):
            if _is_mask(code, mask) and _is_loss(rows) and not _counted(code, call, mask):
                yield Sight(call, SAYS)
                break


def _counted(code: Code, call: ast.Call, mask: ast.expr) -> bool:
    """Return whether the function takes the mask's own sum or mean as well, by which it may divide."""
    root = mask
    while isinstance(root, (ast.Call, ast.Attribute, ast.Subscript)) and not isinstance(root, ast.Name):
        root = root.func if isinstance(root, ast.Call) else root.value
    inside = code.function(call)
    if not isinstance(root, ast.Name) or inside is None:
        return False
    return re.search(rf"\b{root.id}(\.\w+\([^()]*\))*\.(sum|mean)\(", ast.unparse(inside)) is not None


def _one(code: Code, of: ast.expr | None) -> ast.expr | None:
    """Return what a name stands for, where that is one thing."""
    if not isinstance(of, ast.Name):
        return of
    values = code.values(of)
    return values[0] if len(values) == 1 else None


def _is_mask(code: Code, of: ast.expr | None, deep: int = 0) -> bool:
    """Return whether it is a mask of padding or of labels, 0 and 1."""
    if of is None or deep > DEEP:
        return False
    if isinstance(of, ast.Subscript):
        return _is_mask(code, of.value, deep + 1)
    if isinstance(of, ast.Attribute):
        return PADDING.search(of.attr) is not None
    if isinstance(of, ast.Call):
        kept = isinstance(of.func, ast.Attribute) and (of.func.attr in KEEPS or of.func.attr in {"bool", "int", "long"})
        return kept and isinstance(of.func, ast.Attribute) and _is_mask(code, of.func.value, deep + 1)
    if isinstance(of, ast.Compare):
        right = of.comparators[0]
        return isinstance(right, ast.UnaryOp) and ast.unparse(of).endswith(("!= -100", "> -100"))
    if isinstance(of, ast.Name):
        values = code.values(of)
        if values == [None]:
            return PADDING.search(of.id) is not None
        return all(_is_mask(code, value, deep + 1) for value in values)
    return False


def _is_loss(of: ast.expr) -> bool:
    while isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.func.attr in KEEPS:
        of = of.func.value
    if isinstance(of, ast.Call):
        return any(one.arg in {"reduction", "reduce"} for one in of.keywords)
    name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
    return LOSS.search(name) is not None


RULE = SourceRule("S110", "masked-mean", Level.LOOK, __doc__, look, ("V212",))
