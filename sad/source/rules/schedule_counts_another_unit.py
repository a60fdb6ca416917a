"""The learning rate's schedule counts in another unit than its length

## What it looks for
A schedule whose length is `len(loader) * epochs`, and `scheduler.step()` behind the test of a window; or one whose
length is divided by the window's size, and `scheduler.step()` in each micro-batch.

## Why
The first ends while the learning rate is still high: of the decay only its beginning is seen. The second is at its end
after the first part of the run, and the rest trains with a learning rate of 0.

## Not told where
The length comes from a setting or an argument or is no such product, or the scheduler is told to which step it goes.

## Fix
The length in optimizer steps, `ceil(len(loader) / size) * epochs`, and `scheduler.step()` beside the optimizer's.

## Faulty
```python
from transformers import get_linear_schedule_with_warmup


def train(model, loader, optimizer, accumulation_steps, epochs):
    total = len(loader) * epochs
    scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=total)
    for epoch in range(epochs):
        for index, batch in enumerate(loader):
            (model(batch).loss / accumulation_steps).backward()
            if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
                optimizer.step()
                scheduler.step()  # here
                optimizer.zero_grad()
```

## Right
```python
import math

from transformers import get_linear_schedule_with_warmup


def train(model, loader, optimizer, accumulation_steps, epochs):
    total = math.ceil(len(loader) / accumulation_steps) * epochs
    scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=total)
    for epoch in range(epochs):
        for index, batch in enumerate(loader):
            (model(batch).loss / accumulation_steps).backward()
            if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
```

## Source
V409 of the catalogue; EasyNLP's SASA example.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import accumulates, behind, loop_of, method, same_window, schedules, windowed, within
from sad.source.rule import Level, Sight, SourceRule

LENGTHS = {"num_training_steps", "T_max", "total_steps", "t_total"}
PLACES = {
    **{"get_linear_schedule_with_warmup": 2, "get_cosine_schedule_with_warmup": 2, "CosineAnnealingLR": 1},
    **{"get_polynomial_decay_schedule_with_warmup": 2, "get_cosine_with_hard_restarts_schedule_with_warmup": 2},
}
"""Where the length stands among the arguments."""
WINDOWS = "the schedule's length counts micro-batches, and this counts windows: divide the length by their size"
EACH = "the schedule's length counts windows, and this counts micro-batches: step it where the optimizer steps"
DEEP = 4


def look(code: Code) -> Iterator[Sight]:
    """Yield steps of schedulers in a unit that is not the length's."""
    steps = list(windowed(code))
    if not steps:
        return
    lengths = [word.value for call in code.all(ast.Call) for word in call.keywords if word.arg in LENGTHS]
    placed = ((call, PLACES[method(call)]) for call in code.all(ast.Call) if method(call) in PLACES)
    lengths += [call.args[place] for call, place in placed if len(call.args) > place]
    units = {_unit(code, one) for one in lengths}
    if len(units) != 1 or not (unit := units.pop()):
        return
    for step in steps:
        for call in within(code, step.loop, schedules):
            where = (code, call, step.window, step.loop)
            if loop_of(code, call) is not step.loop:
                continue
            if unit == "each" and same_window(*where):
                yield Sight(call, WINDOWS)
            elif unit == "window" and not behind(*where):
                yield Sight(call, EACH)


def _unit(code: Code, length: ast.expr, deep: int = 0) -> str:
    """Return in what a length counts, "each" micro-batch or "window"; "" where it cannot be told."""
    if deep > DEEP:
        return ""
    if isinstance(length, (ast.Name, ast.Attribute)):
        made = _made(code, length)
        units = {_unit(code, one, deep + 1) if one is not None else "" for one in made}
        return units.pop() if len(units) == 1 else ""
    if isinstance(length, ast.Call) and method(length) in {"int", "ceil", "round"} and len(length.args) == 1:
        return _unit(code, length.args[0], deep + 1)
    parts = [one for one in ast.walk(length) if isinstance(one, (ast.Name, ast.Attribute))]
    if not any(isinstance(one, ast.Call) and ast.unparse(one.func) == "len" for one in ast.walk(length)):
        return ""
    if accumulates(length):
        divided = [one.op for one in ast.walk(length) if isinstance(one, ast.BinOp) and accumulates(one.right)]
        return "window" if any(isinstance(one, (ast.Div, ast.FloorDiv)) for one in divided) else ""
    plain = isinstance(length, ast.BinOp) and isinstance(length.op, ast.Mult) and "/" not in ast.unparse(length)
    known = all(not accumulates(value) for one in parts for value in _made(code, one) if value is not None)
    return "each" if plain and known else ""


def _made(code: Code, of: ast.Name | ast.Attribute) -> list[ast.expr | None]:
    """Return what a name, or an attribute of any object of that name, is set to."""
    if isinstance(of, ast.Name):
        return code.values(of)
    whole = ast.unparse(of)
    return [one.value for one in code.all(ast.Assign) if any(ast.unparse(target) == whole for target in one.targets)]


RULE = SourceRule("S312", "schedule-counts-another-unit", Level.LOOK, __doc__, look, ("V409",))
