"""After the first evaluation the model trains in evaluation mode

## What it looks for
`model.train()` before a loop that trains, and in the loop `model.eval()`, in it or in a function of the file that it
calls with that model, and no `train()` anywhere in either.

## Why
From the first evaluation on there is no dropout, and norms of batches use their running averages: the rest of the run
trains another model than its beginning.

## Not told where
The model is made in the loop, the loop or a function that it calls sets a mode of training, the loop ends behind it,
the evaluation is in another file, or the function never called `model.train()`: it may want evaluation mode.

## Fix
`model.train()` at the beginning of each epoch, or behind each evaluation.

## Faulty
```python
def evaluate(model, loader):
    model.eval()
    return sum(model(batch).loss.item() for batch in loader)


def train(model, loader, held_out, optimizer):
    model.train()
    for epoch in range(3):
        for batch in loader:
            model(batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(evaluate(model, held_out))  # here
```

## Right
```python
def evaluate(model, loader):
    model.eval()
    return sum(model(batch).loss.item() for batch in loader)


def train(model, loader, held_out, optimizer):
    for epoch in range(3):
        model.train()
        for batch in loader:
            model(batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(evaluate(model, held_out))
```

## Source
PyTorch's documentation of `torch.nn.Module.train`; examples of compression of NNI.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import Loop, backward, loop_of, loops_of, method, names, within
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the model is left in evaluation mode, and the loop goes on training it: call {}.train() behind this"


DEEP = 3


def look(code: Code) -> Iterator[Sight]:
    """Yield evaluations in training loops that nothing sets back."""
    if ".train(" not in code.text or not (".eval()" in code.text or ".train(False)" in code.text):
        return
    for loop in loops_of(code):
        outermost = loop_of(code, loop) is None
        model = _set_before(code, loop) if outermost and within(code, loop, backward) else None
        if model is not None:
            yield from _left(code, loop, model)


def _set_before(code: Code, loop: Loop) -> str | None:
    """Return the one model that the function sets to training, all before the loop; None if there is no such."""
    inside = code.function(loop) or code.tree
    set_ = within(code, inside, lambda call: _mode(call, "train"))
    found = {ast.unparse(one.func.value) for one in set_ if isinstance(one.func, ast.Attribute)}
    return found.pop() if len(found) == 1 and all(one.lineno < loop.lineno for one in set_) else None


def _left(code: Code, loop: Loop, model: str) -> Iterator[Sight]:
    text = "\n".join(code.lines[loop.lineno - 1 : loop.end_lineno])
    if re.search(r"train\((?!False)", text) or any(
        isinstance(one, ast.Name) and one.id == model for one in _stored(loop)
    ):
        return
    called = [(call, code.functions[method(call)]) for call in within(code, loop, lambda call: _own(code, call))]
    if any(_sets(code, one) for _, one in called):
        return
    for call in within(code, loop, lambda call: _mode(call, "eval")):
        if _ends(code, call):
            continue
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == model:
            yield Sight(call, SAYS.format(model))
    for call, function in called:
        given = dict(zip((one.arg for one in function.args.args), map(ast.unparse, call.args), strict=False))
        given |= {one.arg: ast.unparse(one.value) for one in call.keywords if one.arg}
        for inner in within(code, function, lambda call: _mode(call, "eval")):
            assert isinstance(inner.func, ast.Attribute)
            held = inner.func.value
            its = isinstance(held, ast.Name) and held.id not in code.scope(function).bindings
            if its and given.get(ast.unparse(held)) == model:
                yield Sight(call, SAYS.format(model))


def _sets(code: Code, function: ast.FunctionDef, deep: int = 0) -> bool:
    """Return whether a function sets a mode of training, or calls one of the file that does."""
    if re.search(r"\.train\((?!False)|\.training\b|\byield\b", ast.unparse(function)):
        return True
    named = {one.id for one in ast.walk(function) if isinstance(one, ast.Name)} & code.functions.keys()
    return deep < DEEP and any(_sets(code, code.functions[one], deep + 1) for one in named)


def _ends(code: Code, call: ast.Call) -> bool:
    """Return whether the loop ends behind a call."""
    statement = code.above(call, ast.stmt)
    over = code.parent.get(id(statement))
    return isinstance(over, ast.If) and isinstance(over.body[-1], (ast.Break, ast.Return, ast.Raise))


def _stored(loop: Loop) -> Iterator[ast.AST]:
    return (one for one in ast.walk(loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))


def _own(code: Code, call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in code.functions


def _mode(call: ast.Call, mode: str) -> bool:
    """Return whether a call sets a model's mode, ``model.train()`` or ``model.eval()``."""
    if not (isinstance(call.func, ast.Attribute) and names(call.func.value)) or call.keywords:
        return False
    off = call.func.attr == "train" and len(call.args) == 1 and ast.unparse(call.args[0]) == "False"
    return (off and mode == "eval") or (call.func.attr == mode and not call.args)


RULE = SourceRule("S309", "evaluation-mode-stays", Level.LOOK, __doc__, look)
