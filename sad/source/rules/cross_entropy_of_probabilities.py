"""A cross entropy of what a softmax was taken of already

## What it looks for
`cross_entropy` or `nll_loss`, or their modules, whose first argument comes out of a softmax, also out of the
`forward` of a module of the file.

## Why
`cross_entropy` takes logits and does the softmax itself. Of probabilities it is a softmax of a softmax: no class can
get more than e times the weight of another, so the loss stays above a floor (2.3 to 1.46 over ten classes) and the
gradient is small where the model is wrong. `nll_loss` takes log-probabilities: of probabilities it is no likelihood,
and is told as "look" alone, for the mean absolute error of a label, 1 - p, is written so by some who mean it.

## Not told where
What the argument is cannot be followed to a softmax, or it is one on some ways only; `nll_loss` that picks the
labels' probabilities, `-nll_loss(probs, labels)` or with the reduction "none". Log-probabilities in
`cross_entropy` are right: a second `log_softmax` changes nothing.

## Fix
Give `cross_entropy` the logits, `nll_loss` their `log_softmax`.

## Faulty
```python
import torch.nn.functional as F


def loss(student_logits, labels):
    probs = F.softmax(student_logits, dim=-1)
    hard = F.cross_entropy(probs, labels)  # here
    return hard + F.nll_loss(probs, labels)  # here
```

## Right
```python
import torch.nn.functional as F


def loss(student_logits, labels):
    log = F.log_softmax(student_logits, dim=-1)
    return F.cross_entropy(student_logits, labels) + F.nll_loss(log, labels) + F.cross_entropy(log, labels)
```

## Source
PyTorch's documentation of `torch.nn.functional.cross_entropy` and `nll_loss`; V603 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.calls import CROSS_ENTROPY, NLL, argument, calls_of
from sad.source.code import Code
from sad.source.meaning import Kind, kind
from sad.source.rule import Level, Sight, SourceRule


def look(code: Code) -> Iterator[Sight]:
    """Yield label losses of probabilities."""
    for names, takes in ((CROSS_ENTROPY, "logits"), (NLL, "log-probabilities")):
        for call, _ in calls_of(code, *names):
            if kind(code, argument(call, 0, "input")) is Kind.PROBS and not (names is NLL and _picks(code, call)):
                name = names[0].rpartition(".")[2]
                says = f"{name} takes {takes}, and is given probabilities: leave the softmax out"
                yield Sight(call, says, Level.LOOK if names is NLL else None)


def _picks(code: Code, call: ast.Call) -> bool:
    """Return whether `nll_loss` only picks the probabilities of the labels, `-nll_loss(p, y)` or one for each row."""
    over = code.parent.get(id(call))
    if any(isinstance(one, ast.Constant) and one.value == "none" for one in ast.walk(call)):
        return True
    other = (over.left if over.right is call else over.right) if isinstance(over, ast.BinOp) else None
    return isinstance(over, ast.UnaryOp) or isinstance(other, ast.Constant)


RULE = SourceRule("S103", "cross-entropy-of-probabilities", Level.WRONG, __doc__, look, ("V603",))
