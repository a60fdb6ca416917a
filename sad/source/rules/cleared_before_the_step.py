"""Gradients are cleared before the optimizer has used them

## What it looks for
`zero_grad()` between a backward pass and the optimizer's step of one block; or in each micro-batch of a loop whose
optimizer steps once in a window.

## Why
The step sees no gradient, or that of the last micro-batch alone: accumulation then changes nothing but the time that a
step takes.

## Not told where
What is cleared is another optimizer's, gradients are assigned by hand, a test in the loop decides whether to clear,
`continue` follows, the backward pass is not a tensor's own, or the size of the window is not named as one of
accumulation.

## Fix
Clear behind the step, behind the same test.

## Faulty
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        optimizer.zero_grad()  # here
        (model(batch).loss / accumulation_steps).backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()


def step(model, batch, optimizer):
    model(batch).loss.backward()
    optimizer.zero_grad()  # here
    optimizer.step()
```

## Right
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def step(model, batch, optimizer):
    optimizer.zero_grad()
    model(batch).loss.backward()
    optimizer.step()
```

## Source
pytorch/torchtitan#3575; gaozhihan/PreDiff issue 32; V406 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import (
    backward,
    between,
    by_tensor,
    clears,
    is_optimizer,
    loop_of,
    same_window,
    stepped,
    windowed,
    within,
)
from sad.source.rule import Level, Sight, SourceRule

EACH = "gradients are cleared in each micro-batch, and the step comes once in a window: clear behind the step"
BETWEEN = "gradients are cleared between the backward pass and the step: clear before the one or behind the other"
LEAVES = (ast.Continue, ast.Break, ast.Return, ast.Raise)


def look(code: Code) -> Iterator[Sight]:
    """Yield calls that clear what is not used yet."""
    for step in windowed(code):
        for call in within(code, step.loop, clears):
            asked = any(isinstance(one, ast.If) for one in between(code, call, step.loop))
            each = (
                loop_of(code, call) is step.loop and not asked and not same_window(code, call, step.window, step.loop)
            )
            left_out = any(isinstance(one, LEAVES) for one in _block(code, call))
            if each and _same(call, step.of) and all(map(by_tensor, step.backward)) and not left_out:
                yield Sight(call, EACH)
    for call in code.all(ast.Call):
        if (of := stepped(call)) is not None:
            yield from _between(code, call, of)


def _between(code: Code, step: ast.Call, of: str) -> Iterator[Sight]:
    """Yield what clears the gradients of this step, between it and the backward pass before it in its block."""
    block = _block(code, step)
    cleared: list[ast.Call] = []
    for statement in reversed(block[: block.index(_statement(code, step))] if block else []):
        calls = [one for one in ast.walk(statement) if isinstance(one, ast.Call)]
        stored = [one for one in ast.walk(statement) if isinstance(getattr(one, "ctx", None), ast.Store)]
        if any(isinstance(one, ast.Attribute) and one.attr == "grad" for one in stored):
            return  # gradients are put there by hand
        if any(stepped(one) is not None for one in calls):
            return
        if any(map(backward, calls)):
            yield from (Sight(one, BETWEEN) for one in cleared)
            return
        if isinstance(statement, ast.Expr):
            cleared += [one for one in calls if clears(one) and _same(one, of)]


def _same(call: ast.Call, of: str) -> bool:
    """Return whether a call clears what the optimizer steps: its own gradients, or those of a whole model."""
    assert isinstance(call.func, ast.Attribute)
    whole = not is_optimizer(call.func.value) and ast.unparse(call.func.value) in {"model", "self.model"}
    return whole or ast.unparse(call.func.value) == of


def _statement(code: Code, node: ast.AST) -> ast.stmt:
    while not isinstance(node, ast.stmt):
        node = code.parent[id(node)]
    return node


def _block(code: Code, node: ast.AST) -> list[ast.stmt]:
    """Return the statements among which a node's own stands."""
    statement = _statement(code, node)
    over = code.parent[id(statement)]
    for part in ("body", "orelse", "finalbody"):
        block = getattr(over, part, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


RULE = SourceRule("S306", "cleared-before-the-step", Level.LOOK, __doc__, look, ("V406",))
