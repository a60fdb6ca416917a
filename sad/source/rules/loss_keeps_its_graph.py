"""A loss is kept with its graph

## What it looks for
In a loop, the tensor whose `backward()` was called is added to a sum, or appended to a list, as it is.

## Why
A sum or a list of tensors holds the graph of every batch: memory grows with each, until the run ends for lack of it.

## Not told where
The name may be something else at that place (`loss = loss.item()`, `.detach()`), the sum has a backward pass itself,
is begun anew in each batch or made under `no_grad`, or it is a test's.

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
from collections.abc import Iterable, Iterator

from sad.source.code import Code
from sad.source.gradient import without
from sad.source.loops import Loop, backward, begins, in_test, loop_of, method, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the loss is kept with its graph, and so is that of every batch: keep loss.detach() or loss.item()"
FREE = re.compile(r"\.item\(|detach|float\(|\.data\b|numpy|tolist|no_grad")


def look(code: Code) -> Iterator[Sight]:
    """Yield sums and lists of losses in the loop of their backward pass."""
    loops = {id(one): one for call in code.all(ast.Call) if backward(call) and (one := loop_of(code, call))}
    for loop in loops.values():
        passes = within(code, loop, backward)
        if any(word.arg == "retain_graph" for one in passes for word in one.keywords):
            continue  # meant
        lost = {made.id: code.values(made) for one in passes if isinstance(made := begins(one), ast.Name)}
        for kept, held, statement in _keeps(code, loop):
            value = _unscaled(held, lost)
            if not (isinstance(value, ast.Name) and value.id in lost) or _released(code, kept, statement, lost):
                continue
            if code.values(value) != lost[value.id]:
                continue
            if not in_test(code, value) and not any(
                one is not None and FREE.search(ast.unparse(one)) for one in code.values(value)
            ):
                yield Sight(value, SAYS)


def _unscaled(held: ast.expr, lost: Iterable[str]) -> ast.expr:
    """Return the loss of ``loss * size``, ``loss / size`` or ``[loss]``."""
    if isinstance(held, ast.List) and len(held.elts) == 1:
        held = held.elts[0]
    while isinstance(held, ast.BinOp) and isinstance(held.op, (ast.Mult, ast.Div)):
        other = held.right if isinstance(held.op, ast.Mult) and getattr(held.right, "id", "") in lost else held.left
        held = other
    return held


def _released(code: Code, kept: ast.expr, statement: ast.stmt | None, lost: Iterable[str]) -> bool:
    """Return whether what is kept is begun anew in each batch, has a backward pass of its own, or needs no graph."""
    name, loop = ast.unparse(kept), loop_of(code, kept)
    assert loop is not None
    stored = (one for one in ast.walk(loop) if isinstance(one, ast.Assign) and one is not statement)
    if name in lost or any(ast.unparse(target) == name for one in stored for target in one.targets):
        return True
    if isinstance(kept, ast.Name) and code.values(kept) == [None]:
        return True  # an argument, which may be a meter
    passes = within(code, code.function(loop) or code.tree, backward)
    if any(re.search(rf"\b{re.escape(name)}\b", ast.unparse(one)) for one in passes):
        return True
    return statement is not None and without(code, statement)


def _keeps(code: Code, loop: Loop) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt | None]]:
    """Yield what is kept of a batch for later ones: where, the value, and the statement if it is a sum."""
    last = loop.end_lineno or 0
    for statement, target, value in code.added:
        if loop.lineno <= statement.lineno <= last and loop_of(code, statement) is loop:
            yield target, value, statement
    for call in within(code, loop, lambda call: method(call) == "append" and len(call.args) == 1):
        if isinstance(call.func, ast.Attribute) and loop_of(code, call) is loop:
            yield call.func.value, call.args[0], None


RULE = SourceRule("S308", "loss-keeps-its-graph", Level.LOOK, __doc__, look)
