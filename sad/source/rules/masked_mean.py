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
V212 of the catalogue; the loss of `TrajectoryTransformerModel` of transformers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.calls import argument
from sad.source.code import Code
from sad.source.divisions import divisions
from sad.source.meaning import DEEP, KEEPS
from sad.source.rule import Level, Sight, SourceRule

SAYS = "a mean over all places, of which the mask leaves some out: divide the sum by that of the mask"
PADDING = re.compile(r"(attention|attn|pad|padding|loss|labels?|completion|response|tokens?)_?mask|mask_?pad")
ZERO = re.compile(r"-?0(\.0*)?$|torch\.zeros_like\(|torch\.tensor\(0")
LOSS = re.compile(r"loss|nll|(^|_)(kl|ce|kd|kld|jsd|mse|div)(_|$)|divergence", re.IGNORECASE)


def look(code: Code) -> Iterator[Sight]:
    """Yield means of what a mask was multiplied onto."""
    if "mask" not in code.text and "-100" not in code.text:
        return
    for at, of in _means(code):
        for rows, mask in _products(_one(code, of)):
            if _is_mask(code, mask) and _is_loss(rows) and not _counted(code, at, mask):
                yield Sight(at, SAYS)
                break


def _means(code: Code) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Yield each mean of all places, and what it is of: ``x.mean()``, ``torch.mean(x)``, ``x.sum() / x.numel()``."""
    for call in code.all(ast.Call):
        if (of := _reduced(code, call, "mean")) is not None:
            yield call, of
    for one in divisions(code):
        by_places = isinstance(one.right, ast.Call) and ast.unparse(one.right).endswith(".numel()")
        of = _reduced(code, one.left, "sum") if by_places and isinstance(one.left, ast.Call) else None
        if of is not None:
            yield one.at, of


def _reduced(code: Code, call: ast.Call, by: str) -> ast.expr | None:
    """Return what a call takes the mean, or the like, of all places of; None where it does not."""
    if code.dotted(call.func) == f"torch.{by}" and not call.keywords and len(call.args) == 1:
        return argument(call, 0, "input")
    if isinstance(call.func, ast.Attribute) and call.func.attr == by and not (call.args or call.keywords):
        return call.func.value
    return None


def _products(of: ast.expr | None) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield rows and a mask, of which what the mask leaves out is 0: a product, `masked_fill` or `where`."""
    if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Mult):
        yield from ((of.left, of.right), (of.right, of.left))
    if not (isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute)):
        return
    given = [*([] if ast.unparse(of.func.value) == "torch" else [of.func.value]), *of.args]
    if len(given) != 3 or not ZERO.match(ast.unparse(given[2])):
        return
    if of.func.attr == "where":
        yield (given[1], given[0]) if len(of.args) == 3 else (given[0], given[1])
    elif of.func.attr in {"masked_fill", "masked_fill_"}:
        out = given[1]
        if isinstance(out, ast.UnaryOp) and isinstance(out.op, ast.Invert):
            yield given[0], out.operand
        elif isinstance(out, ast.Compare) and isinstance(out.ops[0], ast.Eq):
            zero = ast.unparse(out.comparators[0]) == "0"
            kept = ast.copy_location(ast.Compare(out.left, [ast.NotEq()], out.comparators), out)
            yield given[0], out.left if zero else kept


def _counted(code: Code, call: ast.AST, mask: ast.expr) -> bool:
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
