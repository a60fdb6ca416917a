"""Gradients of a window are added up and divided by nothing

## What it looks for
A tensor's `backward()` in each micro-batch, an optimizer's step once in a window, and nothing in the file that divides
by the window's size. Or a loop over `range(accumulation_steps)` with such a pass, where nothing around it divides.

## Why
The gradient is that of a sum of as many means as the window has micro-batches: the same setting of the learning rate
and of clipping means another step for every size.

## Not told where
Something in the file divides or multiplies by such a number, or the gradients themselves, a call in the loop is given
it, or the backward pass is not the tensor's own: `accelerator.backward(loss)` divides. Of a loop over a range also
where the loss is a quotient already, or the file speaks of an `Accelerator`, DeepSpeed or a sum over tokens.

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


def step(model, get_batch, optimizer, accumulation_steps):
    for _ in range(accumulation_steps):
        loss = model(*get_batch())
        loss.backward()  # here
    optimizer.step()
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
fsdp_qlora before its commit that divides the loss; PyTorch's notes on automatic mixed precision, gradient accumulation;
karpathy/nanoGPT issue 206.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divisions import divisions
from sad.source.loops import SHOWN, Loop, Step, accumulates, begins, by_tensor, loop_of, method, windowed, within
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import counts_window

SAYS = "gradients of a window add up, and nothing divides them: divide the loss by the number of its micro-batches"

BY_GRADIENT = re.compile(r"\.grad(\.data)?\s*([/*]=|=[^=])|\.grad(\.data)?\.(div_|mul_)|scale_grad|_foreach_(div|mul)_")
"""What divides the gradients, in place of the loss."""


ELSEWHERE = re.compile(
    r"ccelerator|deepspeed|num_items|(n|num|total)_tokens|token_count|reduction=.sum|retain_graph|\.grad\b",
    re.IGNORECASE,
)
"""Other ways to divide, or to have one loss go back more than once."""


def look(code: Code) -> Iterator[Sight]:
    """Yield the backward passes of windows that are divided by nothing, of a test of the counter and of a range."""
    yield from _of_test(code)
    yield from _of_range(code)


def _of_test(code: Code) -> Iterator[Sight]:
    steps = [one for one in windowed(code) if all(by_tensor(call) for call in one.backward)]
    if not steps or _divides(code):
        return
    for step in steps:
        if not _handed(code, step):
            yield Sight(step.backward[0], SAYS)


def _divides(code: Code) -> bool:
    scaled = [one for one in code.all(ast.BinOp) if isinstance(one.op, (ast.Div, ast.FloorDiv, ast.Mult))]
    inplace = [one for one in code.all(ast.AugAssign) if isinstance(one.op, (ast.Div, ast.Mult))]
    return BY_GRADIENT.search(code.text) is not None or any(_number(code, one) for one in (*scaled, *inplace))


def _number(code: Code, of: ast.AST) -> bool:
    """Return whether the number of a window is in it, also under another name."""
    values = (value for one in ast.walk(of) if isinstance(one, ast.Name) for value in code.values(one))
    return accumulates(of) or any(accumulates(one) for one in values if one is not None)


def _handed(code: Code, step: Step) -> bool:
    """Return whether a call in the loop is given the number, and may divide."""
    calls = within(code, step.loop, lambda call: any(map(_bare, (*call.args, *(one.value for one in call.keywords)))))
    return bool(calls)


def _bare(one: ast.expr) -> bool:
    return isinstance(one, (ast.Name, ast.Attribute)) and accumulates(one)


def _of_range(code: Code) -> Iterator[Sight]:
    if "accum" not in code.text.lower() or ELSEWHERE.search(code.text):
        return
    dividing = {id(code.function(one.at)) for one in divisions(code) if counts_window(one.right) or _one(one.right)}
    for call in code.all(ast.Call):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and not call.args):
            continue
        loop = loop_of(code, call)
        if not _is_window(loop) or id(code.function(call)) in dividing:
            continue
        loss = begins(call)
        if isinstance(loss, ast.Name) and isinstance(loop, ast.For) and _is_undivided(loss.id, loop):
            yield Sight(call, SAYS)


def _one(by: ast.expr) -> bool:
    return not isinstance(by, (ast.Constant, ast.Name, ast.Attribute, ast.Call))


def _is_window(loop: Loop | None) -> bool:
    """Return whether a loop runs over ``range(N)`` of an accumulation's N, also behind a bar that shows it."""
    over = loop.iter if isinstance(loop, ast.For) else None
    while isinstance(over, ast.Call) and method(over) in SHOWN - {"trange"} and over.args:
        over = over.args[0]
    if not isinstance(over, ast.Call) or method(over) not in {"range", "trange"}:
        return False
    from_0 = len(over.args) == 2 and isinstance(over.args[0], ast.Constant) and over.args[0].value == 0
    return (len(over.args) == 1 or from_0) and counts_window(over.args[-1])


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


RULE = SourceRule("S303", "window-is-not-divided", Level.LOOK, __doc__, look)
