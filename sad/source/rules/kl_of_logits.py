"""`kl_div` is given logits

## What it looks for
`kl_div`, or `KLDivLoss`, of an argument that is called logits, that nothing is known to change but its form, its
place or a temperature.

## Why
The first argument is the logarithm of probabilities, the second one probabilities, or their logarithm where
`log_target=True`. Logits are neither. A target of logits counts negative ones as probabilities below 0: the sum has
no minimum where both models agree.

## Not told where
Something is computed of it on the way, the name says probabilities as well, or `log_target` is
given: log-probabilities are called logits in such code.

## Fix
`kl_div(log_softmax(student / T), softmax(teacher / T))`.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    log = F.log_softmax(student_logits / T, dim=-1)
    return F.kl_div(log, teacher_logits / T, reduction="batchmean") * T**2  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits, T):
    log = F.log_softmax(student_logits / T, dim=-1)
    return F.kl_div(log, F.softmax(teacher_logits / T, dim=-1), reduction="batchmean") * T**2
```

## Source
PyTorch's documentation of `torch.nn.functional.kl_div`; V214 of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.meaning import is_logits
from sad.source.rule import Level, Sight, SourceRule


def look(code: Code) -> Iterator[Sight]:
    """Yield calls of which an argument is logits."""
    for one in divergences(code):
        if one.log_target is not False:
            continue  # log-probabilities go by the name of logits in such code
        if is_logits(code, one.input):
            yield Sight(one.call, "the first argument of kl_div is called logits: give their log_softmax")
        if is_logits(code, one.target):
            yield Sight(one.call, "the target of kl_div is called logits: give their softmax")


RULE = SourceRule("S104", "kl-of-logits", Level.LOOK, __doc__, look, ("V214",))
