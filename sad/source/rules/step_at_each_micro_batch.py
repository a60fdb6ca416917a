"""An optimizer steps at each micro-batch of a loss that is divided by their number

## What it looks for
A loop in which the last backward pass before the optimizer's `step()` is of a loss that is divided by a number of
accumulated steps, both under no condition.

## Why
Gradients are to be added up over several micro-batches, and to be stepped once. Here each micro-batch is a step of its
own, of a gradient that is divided for nothing: the batch is smaller than was asked for.

## Not told where
The step is under any condition or in another loop than the backward pass, the loss is a sum, or the file speaks of an
`Accelerator` or of DeepSpeed, whose steps wait by themselves.

## Fix
Step and clear the gradients after each full window, and after the last one, which may be shorter.

## Faulty
```python
def train(model, batches, optimizer, accumulation_steps):
    for batch in batches:
        loss = model(**batch).loss / accumulation_steps
        loss.backward()
        optimizer.step()  # here
        optimizer.zero_grad()
```

## Right
```python
def train(model, batches, optimizer, accumulation_steps):
    for number, batch in enumerate(batches, 1):
        loss = model(**batch).loss / accumulation_steps
        loss.backward()
        if number % accumulation_steps == 0 or number == len(batches):
            optimizer.step()
            optimizer.zero_grad()
```

## Source
PyTorch's AMP examples, "Gradient accumulation".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Loop, backward, begins, by_tensor, loop_of, method, stepped, within
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import counts_window, is_free

SUMMED = re.compile(r"\b(f?sum|stack|cat)\(|\bfor\b")
"""What is of several micro-batches."""
WAITS = ("ccelerator", "deepspeed")
SAYS = "the loss is divided by the accumulated steps, and each micro-batch is stepped: step after a full window"


def look(code: Code) -> Iterator[Sight]:
    """Yield steps of an optimizer under no condition, in a loop that divides a loss by its accumulation."""
    if "accum" not in code.text.lower() or any(word in code.text for word in WAITS):
        return
    for call in code.all(ast.Call):
        of, loop = stepped(call), loop_of(code, call)
        if of is None or any(ast.unparse(one) != of for one in call.args):  # a closure is another loop
            continue
        if loop is not None and is_free(code, call, loop) and _last_is_divided(code, call, loop):
            yield Sight(call, SAYS)


def _last_is_divided(code: Code, step: ast.Call, loop: Loop) -> bool:
    """Return whether the last backward pass before a step, in no loop of its own, is of a loss that is divided."""
    passes = [one for one in within(code, loop, backward) if one.lineno < step.lineno]
    if not passes or loop_of(code, passes[-1]) is not loop or not by_tensor(passes[-1]):
        return False
    loss = begins(passes[-1])
    made = code.values(loss) if isinstance(loss, ast.Name) else [loss]
    return any(_is_part(code, one) for one in made)


def _is_part(code: Code, of: ast.expr | None) -> bool:
    """Return whether a loss is divided by a number of accumulated steps, and is no sum over them."""
    while isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and method(of) in {"mean", "sum"}:
        of = of.func.value
    if not (isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div) and counts_window(of.right)):
        return False
    summed = {ast.unparse(target) for _, target, _ in code.added}
    values = [one for name in ast.walk(of.left) if isinstance(name, ast.Name) for one in [name, *code.values(name)]]
    texts = [ast.unparse(one) for one in (of.left, *values) if one is not None]
    return not any(one in summed or SUMMED.search(one) for one in texts)


RULE = SourceRule("S321", "step-at-each-micro-batch", Level.LOOK, __doc__, look)
