"""Gradients are clipped while they are scaled

## What it looks for
A clip of gradients before `scaler.step(optimizer)`, and no `unscale_` before it.

## Why
Gradients in half precision are multiplied by a scale of thousands until the step divides them again: nearly every
gradient is over the limit then, and after the division it is a step of a size that the scale sets.

## Not told where
Any function of the file unscales and is not this one, the limit is multiplied by the scale, the clip is a method of the
optimizer, which may unscale, a scaler is made with `enabled=False`, or the clip and the step are in two branches of
which one runs.

## Fix
`scaler.unscale_(optimizer)` before the clip.

## Faulty
```python
import torch


def step(model, loss, optimizer, scaler):
    scaler.scale(loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
```

## Right
```python
import torch


def step(model, loss, optimizer, scaler):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
```

## Source
PyTorch's notes on automatic mixed precision, "Gradient clipping".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import clips, is_optimizer, last_name, method, stepped, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "gradients are clipped while they are scaled: call scaler.unscale_(optimizer) first"


def look(code: Code) -> Iterator[Sight]:
    """Yield the last clip before each step of a scaler that nothing unscaled."""
    for step in code.all(ast.Call):
        if stepped(step) is None or not _by_scaler(step) or "enabled=False" in code.text:
            continue
        inside = code.function(step) or code.tree
        if any(_unscales(one) for one in code.all(ast.Call) if code.function(one) is not code.function(step)):
            continue
        unscaled = [_place(one) for one in within(code, inside, _unscales)]
        clipped = [one for one in within(code, inside, _clips) if _place(one) < _place(step) and _runs(code, one, step)]
        if not clipped or any(one < _place(clipped[-1]) for one in unscaled):
            continue
        if "get_scale" not in ast.unparse(clipped[-1]):
            yield Sight(clipped[-1], SAYS)


def _place(of: ast.expr) -> tuple[int, int]:
    return of.lineno, of.col_offset


def _by_scaler(step: ast.Call) -> bool:
    return isinstance(step.func, ast.Attribute) and "scaler" in last_name(step.func.value).lower()


def _clips(call: ast.Call) -> bool:
    """Return whether a call clips; an optimizer's own clip may unscale."""
    return clips(call) and not (isinstance(call.func, ast.Attribute) and is_optimizer(call.func.value))


def _unscales(call: ast.Call) -> bool:
    return method(call).startswith(("unscale", "_unscale"))


def _runs(code: Code, clip: ast.Call, step: ast.Call) -> bool:
    """Return whether both can run: they are not in the two branches of one statement."""
    parts = dict(_branches(code, clip))
    return all(parts.get(of, part) == part for of, part in _branches(code, step))


def _branches(code: Code, node: ast.AST) -> Iterator[tuple[int, str]]:
    while (over := code.parent.get(id(node))) is not None:
        if isinstance(over, ast.If) and node is not over.test:
            yield id(over), "body" if node in over.body else "orelse"
        node = over


RULE = SourceRule("S305", "clip-before-unscale", Level.LOOK, __doc__, look)
