"""Every chunk is masked by the labels of the first one

## Symptom
None in the logs, and none in a test that fits into one chunk. In longer batches other rows are left out than those
without a label.

## Mechanism
A kernel works through the rows in chunks. Logits are advanced from chunk to chunk, the pointer to the labels is not.
It is shown here in plain torch, with the same chunks and the same pointer; the original is a Triton kernel.

## What its documented fix did
It hands each chunk its own slice of the labels.

## Fix
A block is a list of rows: states, labels and teacher's rows are all taken by that list (`sad/head/blocks.py`).

## Source
linkedin/Liger-Kernel 330; L05 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.ignored_rows import ignored_rows
from sad.invariants.padding import padding
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes

SMALL, LARGE = 4, 256
"""Rows of a chunk."""
CONTRACT = Contract(takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Chunks of 4 rows."""
    return Divergence(CONTRACT, lambda given: _loss(given, SMALL))


def in_large_chunks() -> Divergence:
    """Chunks of 256 rows: right in every small test."""
    return Divergence(CONTRACT, lambda given: _loss(given, LARGE))


fixed = distillation


def _loss(given: Given, chunk: int) -> Tensor:
    student, teacher = (z.float().flatten(0, 1) for z in (given.student_logits, given.teacher_logits.detach()))
    labels = torch.zeros(len(student)) if given.labels is None else given.labels.flatten()
    total = student.new_zeros(())
    for start in range(0, len(student), chunk):
        mine, theirs = student[start : start + chunk], teacher[start : start + chunk]
        rows = labels[: len(mine)] != IGNORED
        log_q, p = torch.log_softmax(mine[rows], dim=-1), torch.softmax(theirs[rows], dim=-1)
        total = total + F.kl_div(log_q, p, reduction="sum")
    return total / (labels != IGNORED).sum().clamp_min(1)


BUG = Bug(
    "V209",
    "chunk-uses-the-first-labels",
    __doc__,
    (path_parity, ignored_rows, padding),
    buggy,
    fixed,
    variants={"in large chunks": in_large_chunks},
    covers=("L05",),
)
