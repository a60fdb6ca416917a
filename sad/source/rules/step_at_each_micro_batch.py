"""An optimizer steps at each micro-batch of a loss that is divided by their number

## What it looks for
A loop that divides a loss by a number of accumulated steps, and calls the optimizer's `step()` under no condition.

## Why
Gradients are to be added up over several micro-batches, and to be stepped once. Here each micro-batch is a step of its
own, of a gradient that is divided for nothing: the batch is smaller than was asked for.

## Not told where
The step is under any condition or in another loop than the division, or the file speaks of an `Accelerator` or of
DeepSpeed, whose steps wait by themselves.

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
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divisions import divisions
from sad.source.loops import loop_of, stepped
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import counts_window, is_free

WAITS = ("ccelerator", "deepspeed")
SAYS = "the loss is divided by the accumulated steps, and each micro-batch is stepped: step after a full window"


def look(code: Code) -> Iterator[Sight]:
    """Yield steps of an optimizer under no condition, in a loop that divides a loss by its accumulation."""
    if "accum" not in code.text.lower() or any(word in code.text for word in WAITS):
        return
    dividing = {id(loop_of(code, one.at)) for one in divisions(code) if counts_window(one.right)}
    for call in code.all(ast.Call):
        of, loop = stepped(call), loop_of(code, call)
        if of is None or any(ast.unparse(one) != of for one in call.args):  # a closure is another loop
            continue
        if loop is not None and id(loop) in dividing and is_free(code, call, loop):
            yield Sight(call, SAYS)


RULE = SourceRule("S321", "step-at-each-micro-batch", Level.LOOK, __doc__, look)
