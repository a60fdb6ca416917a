"""Of a window's micro-batches the last one alone is sent back

## What it looks for
A tensor's `backward()` behind `(index + 1) % accumulation_steps == 0`, with the optimizer's step, of a loss that is
made for each micro-batch before that test.

## Why
Gradients are added up by a backward pass of each micro-batch. Here all but one in a window are computed and thrown
away: the batch is as small as without accumulation, and costs as much as with it.

## Not told where
The loss is a sum that the micro-batches add to, or is made behind the test as well, the size is not named as one of
accumulation, or another backward pass stands outside the test.

## Fix
`backward()` in each micro-batch, the step behind the test.

## Faulty
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        loss = model(batch).loss
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            loss.backward()  # here
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
abhishekkrthakur/tez before its commit f5f5609.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Loop, accumulates, backward, begins, by_tensor, loop_of, stepped, windows, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the last micro-batch of a window alone is sent back: call backward() in each, and step behind the test"
Around = Loop | ast.FunctionDef


def look(code: Code) -> Iterator[Sight]:
    """Yield backward passes behind the test of a window, of a loss that was made before it."""
    if "accum" not in code.text.lower() or ".backward(" not in code.text:
        return
    for call in code.all(ast.Call):
        around = (loop_of(code, call) or code.function(call)) if backward(call) and by_tensor(call) else None
        if not isinstance(around, Around):
            continue
        test = next((one.test for one in windows(code, call, around) if accumulates(one.size)), None)
        if test is None or not _alone(code, around, test):
            continue
        loss = begins(call)
        if isinstance(loss, ast.Name) and _made_before(code, loss, test):
            yield Sight(call, SAYS)


def _behind(code: Code, call: ast.Call, around: Around, test: ast.Compare) -> bool:
    return any(one.test is test for one in windows(code, call, around))


def _alone(code: Code, around: Around, test: ast.Compare) -> bool:
    """Return whether each backward pass and each step stands behind the test, and there is a step."""
    used = within(code, around, lambda call: backward(call) or stepped(call) is not None)
    steps = any(stepped(one) is not None for one in used)
    return steps and all(_behind(code, one, around, test) for one in used)


def _made_before(code: Code, loss: ast.Name, test: ast.Compare) -> bool:
    """Return whether a loss is the result of calls before the test, and nothing that is added to."""
    if any(ast.unparse(target) == loss.id for _, target, _ in code.added):
        return False
    scope = code.scope(code.function(loss) or code.tree)
    bound = [one for one in scope.bindings.get(loss.id, []) if one.line <= loss.lineno]
    return bool(bound) and all(one.line < test.lineno for one in bound)


RULE = SourceRule("S322", "backward-in-last-micro-batch", Level.LOOK, __doc__, look)
