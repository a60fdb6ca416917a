"""A model's gradients are cleared in each micro-batch of `accumulate`

## What it looks for
`with accelerator.accumulate(model):` with `model.zero_grad()` under no condition.

## Why
There an optimizer that was prepared skips `step()` and `zero_grad()` until the window is full. The model is not
wrapped so: its `zero_grad()` clears what was added up, and the last micro-batch alone is stepped.

## Not told where
It is under any condition, such as `accelerator.sync_gradients`, or of another object than the one that is handed in.

## Fix
`optimizer.zero_grad()`.

## Faulty
```python
def train(accelerator, model, optimizer, batches):
    for batch in batches:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            optimizer.step()
            model.zero_grad()  # here
```

## Right
```python
def train(accelerator, model, optimizer, batches):
    for batch in batches:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            optimizer.step()
            optimizer.zero_grad()
```

## Source
Accelerate's guide, "Performing gradient accumulation"; tatsu-lab/alpaca_farm issue 57.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.rule import Level, Sight, SourceRule
from sad.source.windows import is_free

SAYS = "accumulate() holds back the optimizer's zero_grad(), not the model's: this clears each micro-batch's gradient"


def look(code: Code) -> Iterator[Sight]:
    """Yield gradients of a model cleared in the block that accumulates them."""
    if ".accumulate(" not in code.text:
        return
    for call in code.all(ast.Call):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "zero_grad"):
            continue
        held: list[ast.expr] = []
        block = code.above(call, ast.With, ast.For, ast.While, ast.FunctionDef)
        while isinstance(block, ast.With) and not (held := _accumulated(block)):
            block = code.above(block, ast.With, ast.For, ast.While, ast.FunctionDef)
        of = code.dotted(call.func.value)
        if isinstance(block, ast.With) and is_free(code, call, block) and of in {code.dotted(one) for one in held}:
            yield Sight(call, SAYS)


def _accumulated(block: ast.With) -> list[ast.expr]:
    """Return what an `accumulate` of a block is given; nothing where it has none."""
    calls = [item.context_expr for item in block.items if isinstance(item.context_expr, ast.Call)]
    held = [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "accumulate"]
    return [given for one in held for given in one.args if isinstance(given, (ast.Name, ast.Attribute))]


RULE = SourceRule("S323", "model-cleared-in-window", Level.LOOK, __doc__, look)
