"""Gradients of a window are added up and divided by nothing

## What it looks for
A tensor's `backward()` in each micro-batch, an optimizer's step once in a window, and nothing in the file that divides
by the window's size.

## Why
The gradient is that of a sum of as many means as the window has micro-batches: the same setting of the learning rate
and of clipping means another step for every size.

## Not told where
Something in the file divides or multiplies by such a number, a call in the loop is given it, or the backward pass is
not the tensor's own: `accelerator.backward(loss)` divides.

## Fix
`(loss / accumulation_steps).backward()`, or a sum over the window divided by its tokens.

## Faulty
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        model(batch).loss.backward()  # here
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
```

## Right
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        loss = model(batch).loss / accumulation_steps
        loss.backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
```

## Source
fsdp_qlora before its commit that divides the loss; PyTorch's notes on automatic mixed precision, gradient accumulation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Step, accumulates, by_tensor, windowed, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "gradients of a window add up, and nothing divides them: divide the loss by the number of its micro-batches"


def look(code: Code) -> Iterator[Sight]:
    """Yield the first backward pass of loops whose windows are divided by nothing."""
    steps = [one for one in windowed(code) if all(by_tensor(call) for call in one.backward)]
    if not steps or _divides(code):
        return
    for step in steps:
        if not _handed(code, step):
            yield Sight(step.backward[0], SAYS)


def _divides(code: Code) -> bool:
    scaled = [one for one in code.all(ast.BinOp) if isinstance(one.op, (ast.Div, ast.FloorDiv, ast.Mult))]
    inplace = [one for one in code.all(ast.AugAssign) if isinstance(one.op, (ast.Div, ast.Mult))]
    return any(accumulates(one) for one in (*scaled, *inplace))


def _handed(code: Code, step: Step) -> bool:
    """Return whether a call in the loop is given the number, and may divide."""
    calls = within(code, step.loop, lambda call: any(map(_bare, (*call.args, *(one.value for one in call.keywords)))))
    return bool(calls)


def _bare(one: ast.expr) -> bool:
    return isinstance(one, (ast.Name, ast.Attribute)) and accumulates(one)


RULE = SourceRule("S303", "window-is-not-divided", Level.LOOK, __doc__, look)
