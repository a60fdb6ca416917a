"""An ignore_index is taken, and every row is distilled

## Symptom
None in the logs. The student is taught the prompt and the padding, which are most of the batch.

## Mechanism
The fused JSD takes labels and `ignore_index` and hands them to its hard loss alone; the soft loss is a sum over all
rows of the chunk, divided by all rows.

## What its documented fix did
It leaves those rows out of the sum and divides by the rest, at least 1.

## Fix
Rows without a label are selected away before the teacher is even asked (`sad/data/batches.py`, `View.target_states` in
`sad/terms/view.py`).

## Source
linkedin/Liger-Kernel 974; L01 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.ignored_rows import ignored_rows
from sad.invariants.padding import padding
from sad.invariants.partition import partition
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

CONTRACT = Contract(Kind.JSD, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Sum and count over all rows."""
    return Divergence(CONTRACT, lambda given: _jsd(given).sum() / given.student_logits[..., 0].numel())


def counted_only() -> Divergence:
    """The count leaves them out, the sum does not."""
    return Divergence(CONTRACT, lambda given: _jsd(given).sum() / _mask(given).sum().clamp_min(1))


def summed_only() -> Divergence:
    """The sum leaves them out, the count does not."""
    return Divergence(CONTRACT, lambda given: (_jsd(given) * _mask(given)).mean())


fixed = distillation


def _mask(given: Given) -> Tensor:
    return torch.ones(given.student_logits.shape[:2]) if given.labels is None else (given.labels != IGNORED).float()


def _jsd(given: Given) -> Tensor:
    """The JSD of every row, at beta 0.5."""
    log_q = torch.log_softmax(given.student_logits.float(), dim=-1)
    log_p = torch.log_softmax(given.teacher_logits.detach().float(), dim=-1)
    mixture = torch.logaddexp(log_p, log_q) - torch.log(torch.tensor(2.0))
    both = [F.kl_div(mixture, log, reduction="none", log_target=True).sum(dim=-1) for log in (log_p, log_q)]
    return 0.5 * (both[0] + both[1])


BUG = Bug(
    "V208",
    "ignore-index-unused",
    __doc__,
    (ignored_rows, padding, partition, divergence_gradient),
    buggy,
    fixed,
    variants={"in the count alone": counted_only, "in the sum alone": summed_only},
    covers=("L01",),
)
