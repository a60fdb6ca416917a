"""Gradients are never cleared

## What it looks for
A loop with a tensor's `backward()` and an optimizer's step, in a file that has no `zero_grad` and touches no `.grad`.

## Why
Every step uses the sum of all gradients since the beginning: training goes on in the direction of batches that are
long gone, and soon too far.

## Not told where
The file has a `zero_grad` or a `.grad` anywhere, also in another function, the backward pass is not a tensor's own, the
step is given a closure, the optimizer is made by another library than PyTorch and the like, the loop makes it or gives
it to another call, or it is a test's.

## Fix
`optimizer.zero_grad()` behind each step.

## Faulty
```python
def train(model, loader, optimizer):
    for batch in loader:
        model(batch).loss.backward()
        optimizer.step()  # here
```

## Right
```python
def train(model, loader, optimizer):
    for batch in loader:
        model(batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
```

## Source
An early `Executor.train` of wekws; examples of tensor parallelism of PyTorch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Loop, backward, by_tensor, in_test, is_optimizer, loop_of, stepped, within
from sad.source.made import makers
from sad.source.rule import Level, Sight, SourceRule

SAYS = "nothing in the file clears the gradients: they add up over all steps; call optimizer.zero_grad() behind each"
KNOWN = {"torch", "optim", "transformers", "bitsandbytes", "bnb", "apex"}
CLEARED = re.compile(r"zero_grad|\.grad\b|clear_grad")


def look(code: Code) -> Iterator[Sight]:
    """Yield steps in loops with a backward pass, where nothing is cleared."""
    if ".backward" not in code.text or CLEARED.search(code.text):
        return
    for call in code.all(ast.Call):
        loop = loop_of(code, call) if stepped(call) is not None and not _closure(call) else None
        if loop is None or _made_or_handed(code, call, loop) or _of_another(code, call):
            continue
        if not in_test(code, call) and any(map(by_tensor, within(code, loop, backward))):
            yield Sight(call, SAYS)


def _made_or_handed(code: Code, step: ast.Call, loop: Loop) -> bool:
    """Return whether the loop makes the optimizer anew, or gives it to a call that may clear."""
    of = stepped(step) or ""
    if any(isinstance(one, ast.Name) and one.id == of and isinstance(one.ctx, ast.Store) for one in ast.walk(loop)):
        return True
    given = within(code, loop, lambda call: of in map(ast.unparse, (*call.args, *(one.value for one in call.keywords))))
    return any("scaler" not in ast.unparse(one.func).lower() for one in given)


def _of_another(code: Code, step: ast.Call) -> bool:
    """Return whether the optimizer is made by what is not known, whose step may clear."""
    named = (one for one in (step.func, *step.args[:1]) if isinstance(one, (ast.Attribute, ast.Name)))
    for one in named:
        of = one.value if isinstance(one, ast.Attribute) and one is step.func else one
        for made in makers(code, of) if is_optimizer(of) else ():
            if isinstance(made, ast.Call) and code.dotted(made.func).partition(".")[0] not in KNOWN:
                return True
    return False


def _closure(call: ast.Call) -> bool:
    return bool(call.args) and not is_optimizer(call.args[0])


RULE = SourceRule("S307", "never-cleared", Level.LOOK, __doc__, look)
