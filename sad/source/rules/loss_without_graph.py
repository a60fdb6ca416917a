"""A loss is told to require a gradient

## What it looks for
`loss.requires_grad = True` or `loss.requires_grad_()`, of what was not made of nothing, nor detached just before; and
a loss made anew of its own value, `torch.tensor(loss, requires_grad=True)`, `Variable(loss.data,
requires_grad=True)`.

## Why
A loss that hangs on the weights requires a gradient already. If it does not, something cut it from them (`argmax`,
`detach`, `no_grad`, `.item()`), and the setting stops the error alone: `backward()` runs, and no weight gets a
gradient.

## Not told where
It is made of `zeros`, `ones`, `randn` or of a number, or detached in the same expression, for a backward pass by
hand.

## Fix
Take the line away, and find what cuts the loss from the weights where `backward()` fails then.

## Faulty
```python
import torch


def step(criterion, logits, labels, optimizer):
    loss = criterion(logits.argmax(-1).float(), labels)
    loss.requires_grad = True  # here
    loss.backward()
    other_loss = torch.tensor(loss.item(), requires_grad=True)  # here
    other_loss.backward()
    optimizer.step()
```

## Right
```python
import torch


def step(criterion, logits, labels, optimizer):
    loss = criterion(logits, labels)
    loss.backward()
    optimizer.step()
    empty_loss = torch.tensor(0.0, requires_grad=True)
    return empty_loss
```

## Source
PyTorch's notes on autograd, "Setting requires_grad".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.rule import Level, Sight, SourceRule

SAYS = "a loss of the weights requires a gradient already: something cut it from them, and this hides that"
LOSS = re.compile(
    r"(^|_)loss(es)?(_(?!weight|scal|f(u?n|unc)|coef|factor|param|input|mask|mod|layer|net|head)|\d|$)", re.IGNORECASE
)
MADE = {"zeros", "ones", "randn", "rand", "zeros_like", "ones_like", "full", "empty", "tensor", "FloatTensor", "Tensor"}
ANEW = {"torch.tensor", "torch.FloatTensor", "torch.Tensor", "torch.autograd.Variable"}


def look(code: Code) -> Iterator[Sight]:
    """Yield losses that are told to require a gradient."""
    if "requires_grad" not in code.text:
        return
    for one in code.all(ast.Assign):
        if not (isinstance(one.value, ast.Constant) and one.value.value is True):
            continue
        for target in one.targets:
            if isinstance(target, ast.Attribute) and target.attr == "requires_grad" and _is_loss(code, target.value):
                yield Sight(one, SAYS)
    for call in code.all(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "requires_grad_" and not _off(call):
            if _is_loss(code, call.func.value):
                yield Sight(call, SAYS)
        elif code.dotted(call.func) in ANEW and call.args and _asked(call) and _names_loss(call.args[0]):
            yield Sight(call, SAYS)


def _is_loss(code: Code, of: ast.expr) -> bool:
    """Return whether it is a loss by its name, computed from something."""
    if not isinstance(of, (ast.Name, ast.Attribute)):
        return False
    if LOSS.search(of.id if isinstance(of, ast.Name) else of.attr) is None:
        return False
    return not (isinstance(of, ast.Name) and any(_made_by_hand(code, value) for value in code.values(of)))


def _made_by_hand(code: Code, value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return True
    while isinstance(value, ast.Call):
        name = code.dotted(value.func).rpartition(".")[2] or getattr(value.func, "attr", "")
        if name in MADE or name in {"detach", "clone"}:
            return True
        value = value.func.value if isinstance(value.func, ast.Attribute) else None
    return False


def _off(call: ast.Call) -> bool:
    return bool(call.args) and not (isinstance(call.args[0], ast.Constant) and call.args[0].value is True)


def _asked(call: ast.Call) -> bool:
    asked = [one.value for one in call.keywords if one.arg == "requires_grad"]
    return any(isinstance(one, ast.Constant) and one.value is True for one in asked)


def _names_loss(of: ast.expr) -> bool:
    """Return whether a value is a loss, or the number of one."""
    while isinstance(of, (ast.Call, ast.Attribute)):
        if isinstance(of, ast.Attribute) and LOSS.search(of.attr):
            return True
        of = of.func if isinstance(of, ast.Call) else of.value
    return isinstance(of, ast.Name) and LOSS.search(of.id) is not None


RULE = SourceRule("S502", "loss-without-graph", Level.LOOK, __doc__, look)
