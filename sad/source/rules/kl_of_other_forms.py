"""`kl_div` is given probabilities where it takes their logarithm, or the other way round

## What it looks for
`kl_div`, or `KLDivLoss`, whose first argument comes out of a softmax, or whose second one is not what `log_target`
says.

## Why
The first argument is the logarithm of the student's probabilities; the second one is the teacher's probabilities, or
their logarithm where `log_target=True`. Anything else is a number that falls like a loss and is no divergence.

## Not told where
What an argument is cannot be followed to a softmax or a logarithm of one.

## Fix
`kl_div(log_softmax(student), softmax(teacher))`, or with `log_target=True` both as `log_softmax`.

## Faulty
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits):
    student = F.softmax(student_logits, dim=-1)
    teacher = F.log_softmax(teacher_logits, dim=-1)
    a = F.kl_div(student, F.softmax(teacher_logits, dim=-1), reduction="batchmean")  # here
    return a + F.kl_div(F.log_softmax(student_logits, dim=-1), teacher, reduction="batchmean")  # here
```

## Right
```python
import torch.nn.functional as F


def kd_loss(student_logits, teacher_logits):
    student = F.log_softmax(student_logits, dim=-1)
    teacher = F.log_softmax(teacher_logits, dim=-1)
    a = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return a + F.kl_div(student, teacher.exp(), reduction="batchmean")
```

## Source
PyTorch's documentation of `torch.nn.functional.kl_div`; V214 of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad.source.code import Code
from sad.source.divergence import divergences
from sad.source.meaning import Kind, kind
from sad.source.rule import Level, Sight, SourceRule


def look(code: Code) -> Iterator[Sight]:
    """Yield calls with an argument of the other form."""
    for one in divergences(code):
        if kind(code, one.input) is Kind.PROBS:
            yield Sight(one.call, "kl_div takes the logarithm of the student's probabilities: use log_softmax for it")
        target = kind(code, one.target)
        if target is Kind.LOG_PROBS and one.log_target is False:
            yield Sight(one.call, "the target of kl_div is a logarithm: give log_target=True, or softmax in its place")
        if target is Kind.PROBS and one.log_target is True:
            yield Sight(one.call, "log_target=True, and the target of kl_div is probabilities: give their logarithm")


RULE = SourceRule("S102", "kl-of-other-forms", Level.WRONG, __doc__, look, ("V214",))
