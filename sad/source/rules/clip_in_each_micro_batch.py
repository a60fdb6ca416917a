"""Gradients are clipped in each micro-batch

## What it looks for
A clip of gradients that stands in the loop, while the optimizer's step stands behind the test of a window; and one
under `accelerator.accumulate(...)` that does not ask `sync_gradients`.

## Why
What is clipped is the sum so far, again and again: early micro-batches are scaled down more often than late ones, and
the step is another than that of the whole batch.

## Not told where
The limit is so large that the call only measures (10,000 and more, or infinite), or a test stands before it of the
window's counter, of `sync_gradients`, or of any name with "sync" in it.

## Fix
Clip once, right before the step: `if accelerator.sync_gradients:`, or behind the same test as the step.

## Faulty
```python
import torch


def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def with_accelerate(accelerator, model, loader, optimizer):
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)  # here
            optimizer.step()
            optimizer.zero_grad()
```

## Right
```python
import torch


def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()


def with_accelerate(accelerator, model, loader, optimizer):
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
```

## Source
Accelerate's guide to gradient accumulation; open_flamingo's `train_one_epoch`, EAGLE's `main.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import behind, clips, loop_of, method, windowed, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "gradients are clipped in each micro-batch: clip once, where the optimizer steps"


def look(code: Code) -> Iterator[Sight]:
    """Yield clips that do not stand behind the test that the step stands behind."""
    for step in windowed(code):
        for call in within(code, step.loop, clips):
            each = loop_of(code, call) is step.loop and not behind(code, call, step.window, step.loop)
            if each and not _asked(code, call, step.loop):
                yield Sight(call, SAYS)
    for statement in code.all(ast.With):
        made = [one.context_expr for one in statement.items]
        if any(isinstance(one, ast.Call) and method(one) == "accumulate" for one in made):
            yield from (Sight(one, SAYS) for one in within(code, statement, clips) if not _asked(code, one, statement))


def _asked(code: Code, call: ast.AST, statement: ast.stmt) -> bool:
    """Return whether a test between the call and its statement asks if gradients are joined."""
    while call is not statement:
        call = code.parent[id(call)]
        if isinstance(call, ast.If) and "sync" in ast.unparse(call.test):
            return True
    return False


RULE = SourceRule("S304", "clip-in-each-micro-batch", Level.LOOK, __doc__, look)
