"""The first window of gradient accumulation is one micro-batch

## What it looks for
`index % size == 0` before the optimizer's step, behind the backward pass, with an index that `enumerate` counts from 0.

## Why
0 is divisible by everything: the first step is taken after one micro-batch, with a gradient of that one divided by the
size of a window, and every later window begins one micro-batch late.

## Not told where
The size is not named as one of accumulation, the test says something of the index besides, or the index starts at 1.

## Fix
`(index + 1) % size == 0`, and a step for what is left behind the last one.

## Faulty
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        if index % accumulation_steps == 0:  # here
            optimizer.step()
            optimizer.zero_grad()
```

## Right
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
```

## Source
The Annotated Transformer's `run_epoch`; fsdp_qlora before its commit that divides the loss.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Step, index_of, names, windowed
from sad.source.rule import Level, Sight, SourceRule

SAYS = "0 is divisible too: the first window is one micro-batch; step where (index + 1) % size is 0"


def look(code: Code) -> Iterator[Sight]:
    """Yield tests that are true at the index 0, behind the backward pass."""
    for step in windowed(code):
        index = index_of(code, step.loop)
        counter = step.window.counter
        if index is None or not (isinstance(counter, ast.Name) and index == (counter.id, True)):
            continue
        behind = any(one.lineno < step.call.lineno for one in step.backward)
        if behind and not _moved(step, counter.id) and not _besides(code, step, counter.id):
            yield Sight(step.window.test, SAYS)


def _moved(step: Step, name: str) -> bool:
    """Return whether the loop changes its own index."""
    stored = [one for one in ast.walk(step.loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return sum(one.id == name for one in stored) > 1


def _besides(code: Code, step: Step, name: str) -> bool:
    """Return whether the test says something of the index besides, ``index > 0``."""
    over = code.parent[id(step.window.test)]
    return isinstance(over, ast.BoolOp) and any(
        name in names(one) for one in over.values if one is not step.window.test
    )


RULE = SourceRule("S301", "first-window-is-short", Level.LOOK, __doc__, look)
