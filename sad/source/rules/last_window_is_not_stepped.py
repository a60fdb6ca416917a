"""The micro-batches after the last full window are never stepped

## What it looks for
An optimizer's step behind `(index + 1) % size == 0` alone, with the index of a loop over a loader, and no step of that
function after the loop.

## Why
Where the number of batches is no multiple of the size, the gradient of the last ones is not used in its epoch: it is
added to the first window of the next epoch, or cleared.

## Not told where
The test has another way to be true (`or index + 1 == len(loader)`), the counter is not the loop's own and goes on over
epochs, the loop is over something endless, the whole windows are counted (`len(loader) // size`), or a step follows
the loop.

## Fix
`if (index + 1) % size == 0 or index + 1 == len(loader):`, with the loss divided by what that window has.

## Faulty
```python
def train(model, loader, optimizer, accumulation_steps):
    for index, batch in enumerate(loader):
        (model(batch).loss / accumulation_steps).backward()
        if (index + 1) % accumulation_steps == 0:  # here
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
What `sad verify --step` measures; PET's `TransformerModelWrapper.train` and many loops of that pattern.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Step, accumulates, index_of, names, stepped, windowed, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the micro-batches after the last full window are never stepped: step at the end of the loader too"
ENDLESS = re.compile(r"cycle|infinite|endless|repeat|islice|drop_last", re.IGNORECASE)


def look(code: Code) -> Iterator[Sight]:
    """Yield windows that nothing but the count of the loop's own index closes."""
    for step in windowed(code):
        index = index_of(code, step.loop)
        if index is None or not step.window.alone or names(step.window.counter) != {index[0]}:
            continue
        if isinstance(step.window.counter, ast.Name) and index[1]:
            continue  # the first window is short: a rule of its own
        if not _whole(code, step) and not _after(code, step) and not _endless(step):
            yield Sight(step.window.test, SAYS)


def _whole(code: Code, step: Step) -> bool:
    """Return whether the function or the module counts whole windows, and so may leave out what is left."""
    inside = code.function(step.call)
    for one in code.all(ast.BinOp):
        if not accumulates(one.right) or not (inside is code.function(one) or inside is None):
            continue
        in_loop = step.loop.lineno <= one.lineno <= (step.loop.end_lineno or 0)
        if isinstance(one.op, ast.FloorDiv) and in_loop and one.lineno < step.backward[0].lineno:
            return True
        if isinstance(one.op, ast.Mod) and "len(" in ast.unparse(one.left):
            return True
    return False


def _endless(step: Step) -> bool:
    return isinstance(step.loop, ast.For) and bool(ENDLESS.search(ast.unparse(step.loop.iter)))


def _after(code: Code, step: Step) -> bool:
    inside = code.function(step.call) or code.tree
    end = step.loop.end_lineno or 0
    return any(one.lineno > end for one in within(code, inside, lambda call: stepped(call) is not None))


RULE = SourceRule("S302", "last-window-is-not-stepped", Level.LOOK, __doc__, look)
