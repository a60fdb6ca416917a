"""A divergence that is summed over the batch, and divided by nothing

## What it looks for
`kl_div`, or `KLDivLoss`, with reduction "sum", in a function that divides nothing after it, in a class or a file that
does not either.

## Why
The sum grows with the number of rows: a larger batch, or longer texts, is a larger loss and gradient, beside a label
loss that is a mean. The last, smaller batch counts less than its rows do.

## Not told where
Something but a temperature is divided in the function after it, by more than the number of layers that it walks; what
it is called with counts (`ntokens`, `sample_size`, `num_items_in_batch`); or what is returned is divided elsewhere in
the file.

## Fix
`reduction="batchmean"` over rows that are flattened to `[rows, classes]`.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    log = F.log_softmax(student_logits / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher_logits / T, dim=-1), reduction="sum") * T**2  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    log = F.log_softmax(student_logits / T, dim=-1)
    rows = F.kl_div(log, F.softmax(teacher_logits / T, dim=-1), reduction="sum") * T**2
    return rows / student_logits.size(0)
```

## Source
The note on "batchmean" in PyTorch's documentation of `torch.nn.KLDivLoss`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.divisions import divisions
from sad.source.rule import Level, Sight, SourceRule

SAYS = 'summed over the rows of the batch and divided by nothing: give reduction="batchmean" over flattened rows'
COUNTS = re.compile(r"ntokens|sample_size|num_items|n_items|num_tokens|numel|n_valid|num_valid|chunk")
MEANS = {"mean", "average", "fmean"}
LOSS = re.compile(r"loss|kl|kd|div|distil", re.IGNORECASE)


def look(code: Code) -> Iterator[Sight]:
    """Yield calls whose sum nothing divides."""
    for one in divergences(code):
        if one.reduction == "sum" and not _divided(code, one.call) and not COUNTS.search(code.text):
            yield Sight(one.call, SAYS)


def _divided(code: Code, call: ast.Call) -> bool:
    inside, owner = code.function(call), code.above(call, ast.ClassDef)
    made = {one.name for one in (inside, owner) if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
    made |= _kept_in(code, call)
    for one in divisions(code):
        here = code.function(one.at) is inside
        if here and one.ends >= call.lineno and not _of_layers(code, call, one.right):
            return True
        if not here and _holds(one.left, made):
            return True
    named = (one for one in code.all(ast.Call) if isinstance(one.func, ast.Attribute) and one.func.attr in MEANS)
    return any(_holds(one, made) for one in named)


def _kept_in(code: Code, call: ast.Call) -> set[str]:
    """Return the names that a statement gives the sum to: what it assigns, or the list that it appends to."""
    statement = code.above(call, ast.stmt)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        targets = [value.func.value]
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _holds(of: ast.expr, made: set[str]) -> bool:
    """Return whether something may hold the sum: it is called a loss, or comes out of the function or the class."""
    words = {one.id for one in ast.walk(of) if isinstance(one, ast.Name)}
    words |= {one.attr for one in ast.walk(of) if isinstance(one, ast.Attribute)}
    return bool(words & made) or any(LOSS.search(word) for word in words)


def _of_layers(code: Code, call: ast.Call, right: ast.expr) -> bool:
    """Return whether a divisor is the length of what a loop round the call walks."""
    loop = code.above(call, ast.For)
    if not (isinstance(loop, ast.For) and isinstance(right, ast.Call) and _is_len(right)):
        return False
    walked = {ast.unparse(one) for one in ast.walk(loop.iter) if isinstance(one, (ast.Name, ast.Attribute))}
    return ast.unparse(right.args[0]) in walked


def _is_len(of: ast.Call) -> bool:
    return isinstance(of.func, ast.Name) and of.func.id == "len" and len(of.args) == 1


RULE = SourceRule("S107", "kl-sum-undivided", Level.LOOK, __doc__, look)
