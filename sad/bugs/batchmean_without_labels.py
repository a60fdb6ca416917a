"""Without labels the loss is divided by sequences, with labels by tokens

## Symptom
The loss falls by the length of the sequences, a factor of hundreds, on the day that labels are passed, and with it the
part of this term in the total.

## Mechanism
`batchmean` divides by the first axis. Of [batch, length, vocab] that is the number of sequences; where labels select
rows, the same word divides by rows. Two contracts of one word.

## What its documented fix did
It made the path without labels divide by all tokens where a mask was there, and left one where the two still differ.

## Fix
One contract: a sum and its count of rows, whether labels are there or not (`sad/losses/kd.py`). Either division is a
right one by itself; what is wrong is that an argument that selects every row changes it.

## Source
huggingface/trl 4105; T02 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes


def buggy() -> Divergence:
    """`batchmean` of three axes without labels, of the selected rows with them."""
    return Divergence(Contract(takes=frozenset({Takes.LABELS})), _loss)


fixed = distillation


def _loss(given: Given) -> Tensor:
    log_q = torch.log_softmax(given.student_logits.float(), dim=-1)
    p = torch.softmax(given.teacher_logits.detach().float(), dim=-1)
    if given.labels is None:
        return F.kl_div(log_q, p, reduction="batchmean")
    rows = given.labels != IGNORED
    return F.kl_div(log_q[rows], p[rows], reduction="sum") / max(1, int(rows.sum()))


BUG = Bug("V205", "batchmean-without-labels", __doc__, (path_parity,), buggy, fixed, covers=("T02",))
