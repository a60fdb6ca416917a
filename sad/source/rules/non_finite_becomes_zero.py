"""A loss that is not finite becomes a number

## What it looks for
A loss that is replaced where it is not finite: `loss = torch.nan_to_num(loss)`,
`loss = torch.where(torch.isfinite(loss), loss, 0)`, or `if torch.isnan(loss): loss = 0`.

## Why
The run goes on and the curve looks fine, while the model stands still or the weights are NaN already. What made it, a
row without a label, a logarithm of 0, a sum too large for its type, is never found. `where` does not even help: the
gradient of the branch that is not taken is NaN times 0, which is NaN.

## Not told where
It is under `no_grad`, it is a number for a log (`.item()`), or what is not finite is told, skipped or raised.

## Fix
Find where it comes from: leave out rows without labels before the loss, take `log_softmax`, compute in float32.

## Faulty
```python
import torch


def guard(loss, other_loss, kd_loss):
    loss = torch.nan_to_num(loss)  # here
    other_loss = torch.where(torch.isfinite(other_loss), other_loss, torch.zeros_like(other_loss))  # here
    if torch.isnan(kd_loss):
        kd_loss = torch.tensor(0.0)  # here
    return loss + other_loss + kd_loss
```

## Right
```python
import torch


def guard(loss, kd_loss):
    if not torch.isfinite(loss + kd_loss):
        raise ValueError("the loss is not finite")
    return loss + kd_loss
```

## Source
V108 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.gradient import without
from sad.source.rule import Level, Sight, SourceRule

SAYS = "a loss that is not finite becomes a number, and what made it is never found: mend that, or stop"
LOSS = re.compile(r"(^|[._])(\w*loss|kl|kld|kd|nll|ce)(\d|\b)", re.IGNORECASE)
TESTS = {"isnan", "isfinite", "isinf"}


def look(code: Code) -> Iterator[Sight]:
    """Yield replacements of a loss."""
    if not any(word in code.text for word in ("nan_to_num", "isnan", "isfinite", "isinf")):
        return
    for one in code.all(ast.Assign):
        if len(one.targets) != 1 or without(code, one):
            continue
        target = ast.unparse(one.targets[0])
        if LOSS.search(target) and (_replaces(code, one.value, target) or _under_test(code, one, target)):
            yield Sight(one, SAYS)


def _replaces(code: Code, value: ast.expr, target: str) -> bool:
    """Return whether a value is the target with what is not finite replaced."""
    if isinstance(value, ast.IfExp):
        sides = (value.body, value.orelse)
        kept = any(ast.unparse(one) == target for one in sides)
        return kept and _tests(value.test, target) and any(_is_number(code, one) for one in sides)
    if not isinstance(value, ast.Call):
        return False
    name = code.dotted(value.func)
    if name == "torch.nan_to_num":
        return bool(value.args) and ast.unparse(value.args[0]) == target
    if isinstance(value.func, ast.Attribute) and value.func.attr == "nan_to_num":
        return ast.unparse(value.func.value) == target
    if isinstance(value.func, ast.Attribute) and value.func.attr in {"masked_fill", "masked_fill_"} and value.args:
        return ast.unparse(value.func.value) == target and _tests(value.args[0], target)
    return name == "torch.where" and len(value.args) == 3 and _tests(value.args[0], target)


def _tests(of: ast.expr, target: str) -> bool:
    """Return whether a condition asks of the target whether it is finite."""
    calls = [one for one in ast.walk(of) if isinstance(one, ast.Call)]
    for one in calls:
        named = one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "")
        if named in TESTS and (one.args or isinstance(one.func, ast.Attribute)):
            asked = one.args[0] if one.args else one.func.value if isinstance(one.func, ast.Attribute) else one
            if ast.unparse(asked) == target:
                return True
    return False


def _under_test(code: Code, one: ast.Assign, target: str) -> bool:
    """Return whether a number is assigned where the target was found not to be finite."""
    over = code.parent.get(id(one))
    return isinstance(over, ast.If) and one in over.body and _tests(over.test, target) and _is_number(code, one.value)


def _is_number(code: Code, of: ast.expr) -> bool:
    if isinstance(of, ast.Call):
        return code.dotted(of.func) in {"torch.tensor", "torch.zeros_like", "torch.zeros", "torch.ones_like"}
    return isinstance(of, ast.Constant)


RULE = SourceRule("S114", "non-finite-becomes-zero", Level.LOOK, __doc__, look, ("V108",))
