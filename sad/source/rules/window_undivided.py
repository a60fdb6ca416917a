"""Losses of micro-batches are added up, and divided by nothing

## What it looks for
A loop over `range(accumulation_steps)` that calls `backward()` of a loss, where nothing around it divides by that
number.

## Why
`backward()` adds to the gradient. The mean of a batch that is cut into N micro-batches is the mean of theirs; without
the division the gradient is N times as large, a clip bites N times as soon, and the rate means another thing.

## Not told where
The function, or the module where it stands in none, divides by such a number or multiplies by 1 / N anywhere; the loss
is the quotient of anything already; or the file speaks of an `Accelerator`, DeepSpeed or a sum over the window's
tokens.

## Fix
`(loss / accumulation_steps).backward()`, or a sum over the window's tokens divided by their number.

## Faulty
```python
def step(model, get_batch, optimizer, accumulation_steps):
    for _ in range(accumulation_steps):
        x, y = get_batch()
        loss = model(x, y)
        loss.backward()  # here
    optimizer.step()
```

## Right
```python
def step(model, get_batch, optimizer, accumulation_steps):
    for _ in range(accumulation_steps):
        x, y = get_batch()
        loss = model(x, y) / accumulation_steps
        loss.backward()
    optimizer.step()
```

## Source
PyTorch's AMP examples, "Gradient accumulation"; karpathy/nanoGPT issue 206.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import counts_window, divided_by, innermost_loop

ELSEWHERE = re.compile(
    r"ccelerator|deepspeed|num_items|(n|num|total)_tokens|token_count|reduction=.sum|retain_graph|\.grad\b",
    re.IGNORECASE,
)
SAYS = "micro-batches are added up, and nothing divides by their number: divide the loss by it before backward()"


def look(code: Code) -> Iterator[Sight]:
    """Yield backward passes of losses that are added up over a window and divided by nothing."""
    if "accum" not in code.text.lower() or ELSEWHERE.search(code.text):
        return
    dividing = {id(code.function(at)) for at, by in divided_by(code) if counts_window(by) or _one(by)}
    for call in code.all(ast.Call):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and not call.args):
            continue
        loop = innermost_loop(code, call)
        if not _is_window(code, loop) or id(code.function(call)) in dividing:
            continue
        loss = _scaled(call.func.value)
        if isinstance(loss, ast.Name) and isinstance(loop, ast.For) and _is_undivided(loss.id, loop):
            yield Sight(call, SAYS)


def _one(by: ast.expr) -> bool:
    return not isinstance(by, (ast.Constant, ast.Name, ast.Attribute, ast.Call))


def _is_window(code: Code, loop: ast.AST | None) -> bool:
    """Return whether a loop runs over ``range(N)`` of an accumulation's N."""
    if not (isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call)):
        return False
    return code.dotted(loop.iter.func) == "range" and len(loop.iter.args) == 1 and counts_window(loop.iter.args[0])


def _scaled(of: ast.expr) -> ast.expr:
    """Return what a scaler is given: ``scaler.scale(loss)`` is the loss."""
    if isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.func.attr == "scale" and of.args:
        return of.args[0]
    return of


def _is_undivided(name: str, loop: ast.For) -> bool:
    """Return whether a loop makes a loss by calls alone, also as one of several results, and divides it by nothing."""
    made: list[ast.expr] = []
    for one in ast.walk(loop):
        if isinstance(one, (ast.AugAssign, ast.NamedExpr)) and getattr(one.target, "id", "") == name:
            return False
        if isinstance(one, ast.Assign) and any(_binds(target, name) for target in one.targets):
            made.append(one.value)
    return bool(made) and not any(
        isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Div, ast.Mult))
        for one in made
        for part in ast.walk(one)
    )


def _binds(target: ast.expr, name: str) -> bool:
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return any(isinstance(one, ast.Name) and one.id == name for one in parts)


RULE = SourceRule("S322", "window-undivided", Level.LOOK, __doc__, look)
