"""A loss is kept with its graph

## What it looks for
In a loop, the tensor whose `backward()` was called is added to a sum, or appended to a list, as it is.

## Why
A sum or a list of tensors holds the graph of every batch: memory grows with each, until the run ends for lack of it.

## Not told where
The name may be something else at that place (`loss = loss.item()`, `.detach()`), the sum has a backward pass itself,
or it is a test's.

## Fix
`total += loss.item()`, or `total += loss.detach()`, which does not wait for the device.

## Faulty
```python
def train(model, loader, optimizer):
    total = 0
    for batch in loader:
        loss = model(batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss  # here
    return total / len(loader)
```

## Right
```python
def train(model, loader, optimizer):
    total = 0
    for batch in loader:
        loss = model(batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.detach()
    return total / len(loader)
```

## Source
"My model reports cuda runtime error(2): out of memory" in PyTorch's frequently asked questions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Loop, backward, by_tensor, in_test, loop_of, method, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the loss is kept with its graph, and so is that of every batch: keep loss.detach() or loss.item()"
FREE = re.compile(r"\.item\(|detach|float\(|\.data\b|numpy|tolist|no_grad")


def look(code: Code) -> Iterator[Sight]:
    """Yield sums and lists of losses in the loop of their backward pass."""
    loops = {id(one): one for call in code.all(ast.Call) if backward(call) and (one := loop_of(code, call))}
    for loop in loops.values():
        lost = {name for call in within(code, loop, backward) if (name := _tensor(call))}
        for kept, value in _keeps(code, loop):
            if not (isinstance(value, ast.Name) and value.id in lost) or ast.unparse(kept) in lost:
                continue
            if not in_test(code, value) and not any(
                one is not None and FREE.search(ast.unparse(one)) for one in code.values(value)
            ):
                yield Sight(value, SAYS)


def _tensor(call: ast.Call) -> str:
    """Return the name of what a backward pass begins at; "" where it has none."""
    assert isinstance(call.func, ast.Attribute)
    begins = call.func.value if by_tensor(call) else call.args[0]
    if isinstance(begins, ast.Call) and method(begins) == "scale" and begins.args:
        begins = begins.args[0]
    return begins.id if isinstance(begins, ast.Name) else ""


def _keeps(code: Code, loop: Loop) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is kept of a batch for later ones: where, and the value."""
    last = loop.end_lineno or 0
    for total in code.all(ast.AugAssign):
        if isinstance(total.op, ast.Add) and loop.lineno <= total.lineno <= last and loop_of(code, total) is loop:
            yield total.target, total.value
    for call in within(code, loop, lambda call: method(call) == "append" and len(call.args) == 1):
        if isinstance(call.func, ast.Attribute) and loop_of(code, call) is loop:
            yield call.func.value, call.args[0]


RULE = SourceRule("S308", "loss-keeps-its-graph", Level.LOOK, __doc__, look)
