"""Every epoch has the same order of texts

## What it looks for
A `DistributedSampler` that shuffles, in a file with a loop over epochs that trains, and no `set_epoch` anywhere.

## Why
The sampler shuffles with its seed and the epoch's number, which is 0 until `set_epoch` tells another: every epoch has
the order, and the batches, of the first.

## Not told where
`shuffle=False`, the sampler's or data set's name tells that it is for evaluation, the data set is made in the loop as
well or handed in by what may be the body of an epoch, or the loop over epochs is in another file.

## Fix
`sampler.set_epoch(epoch)` at the beginning of each epoch.

## Faulty
```python
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler


def train(model, dataset, optimizer):
    sampler = DistributedSampler(dataset)  # here
    for epoch in range(3):
        for batch in DataLoader(dataset, sampler=sampler):
            model(batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
```

## Right
```python
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler


def train(model, dataset, optimizer):
    sampler = DistributedSampler(dataset)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for batch in DataLoader(dataset, sampler=sampler):
            model(batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
```

## Source
The warning in PyTorch's documentation of `torch.utils.data.distributed.DistributedSampler`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import backward, loop_of, method, names
from sad.source.rule import Level, Sight, SourceRule

SAYS = "nothing calls set_epoch: every epoch has the order of the first; call sampler.set_epoch(epoch) in each"
HELD_OUT = re.compile(r"eval|test|val|dev|predict|infer", re.IGNORECASE)


def look(code: Code) -> Iterator[Sight]:
    """Yield samplers that shuffle, where no epoch is told to them."""
    if "DistributedSampler" not in code.text or re.search(r"set_epoch|\.epoch\s*=[^=]", code.text):
        return
    samplers = [one for one in code.all(ast.Call) if method(one) == "DistributedSampler" and _shuffles(one)]
    if not samplers or not any(map(backward, code.all(ast.Call))):
        return
    counted = [part for one in code.all(ast.For) for part in (one.target, one.iter)]
    if not any("epoch" in ast.unparse(one).lower() for one in (*counted, *(one.test for one in code.all(ast.While)))):
        return
    for call in samplers:
        statement = code.above(call, ast.stmt)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if not any(HELD_OUT.search(ast.unparse(one)) for one in (*targets, *call.args)) and not _other(code, call):
            yield Sight(call, SAYS)


def _other(code: Code, call: ast.Call) -> bool:
    """Return whether each epoch has a sampler of another seed, or it is one of a function for evaluation."""
    inside = code.function(call)
    held_out = isinstance(inside, ast.FunctionDef) and HELD_OUT.search(inside.name)
    seeded = any("epoch" in ast.unparse(one.value) for one in call.keywords)
    return bool(held_out) or seeded or _made_in_loop(code, call) or _of_each_epoch(code, call)


def _made_in_loop(code: Code, call: ast.Call) -> bool:
    """Return whether the data set is made in the loop that makes the sampler: each epoch has texts of its own."""
    loop = loop_of(code, call)
    if loop is None or not call.args:
        return False
    made = {one.id for one in ast.walk(loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return bool(made & names(call.args[0]))


def _of_each_epoch(code: Code, call: ast.Call) -> bool:
    """Return whether the data set is handed in by functions in which no loop counts epochs: they may be one's body."""
    inside = code.function(call)
    data = call.args[0] if call.args else None
    if not (isinstance(inside, ast.FunctionDef) and isinstance(data, ast.Name) and code.values(data) == [None]):
        return False
    callers = [code.function(one) for one in code.all(ast.Call) if method(one) == inside.name]
    return bool(callers) and not any(_is_once(one or code.tree) for one in callers)


def _is_once(of: ast.AST) -> bool:
    """Return whether a function is no body of an epoch: it makes an object, or counts the epochs itself."""
    if isinstance(of, ast.FunctionDef) and of.name == "__init__":
        return True
    loops = [one for one in ast.walk(of) if isinstance(one, ast.For)]
    return any("epoch" in ast.unparse(part).lower() for one in loops for part in (one.target, one.iter))


def _shuffles(call: ast.Call) -> bool:
    settings = {one.arg: one.value for one in call.keywords}
    shuffle = settings.get("shuffle", call.args[3] if len(call.args) > 3 else None)
    return shuffle is None or (isinstance(shuffle, ast.Constant) and shuffle.value is True)


RULE = SourceRule("S311", "epochs-have-one-order", Level.LOOK, __doc__, look)
