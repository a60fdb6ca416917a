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
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import loop_of
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import counts_window, divided_by, is_free

OPTIMIZER = re.compile(r"(^|[._])(optim(izer)?|opt)(_\w+)?$", re.IGNORECASE)
WAITS = ("ccelerator", "deepspeed")
SAYS = "the loss is divided by the accumulated steps, and each micro-batch is stepped: step after a full window"


def look(code: Code) -> Iterator[Sight]:
    """Yield steps of an optimizer under no condition, in a loop that divides a loss by its accumulation."""
    if "accum" not in code.text.lower() or any(word in code.text for word in WAITS):
        return
    dividing = {id(loop_of(code, at)) for at, by in divided_by(code) if counts_window(by)}
    for call in code.all(ast.Call):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "step" and not call.args):
            continue
        loop = loop_of(code, call)
        if loop is None or id(loop) not in dividing or not is_free(code, call, loop):
            continue
        if OPTIMIZER.search(code.dotted(call.func.value)):
            yield Sight(call, SAYS)


RULE = SourceRule("S321", "step-at-each-micro-batch", Level.LOOK, __doc__, look)
