"""A union of two top-k lists counts the tokens of both twice

## Symptom
None in any log. The distillation term is too small, most so for the tokens on which both models agree.

## Mechanism
To save memory the KL is taken over the teacher's and the student's k likeliest tokens. The two lists are put one
after the other and sorted; what is in both is there twice, and gets half of its true weight against the rest when
the subset is normalised.

## What its documented fix did
It was never noticed.

## Fix
The KL over the whole vocabulary, a few rows at a time (`rows` in `sad/losses/kd.py`). Where a subset is wanted: a set,
made by scattering into a mask, and one bucket for the rest.

## Source
rakeshb49/student_aware_distillation, `_kl_on_subset`, 5eb3d68; S06 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.half_precision import half_precision
from sad.invariants.ignored_rows import ignored_rows
from sad.shipped.divergence import forward_kl
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

TOP = 4
CONTRACT = Contract(Kind.OTHER, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Two lists, sorted."""
    return Divergence(CONTRACT, _on_lists, by_the_set)


fixed = forward_kl


def by_the_set(student: Tensor, teacher: Tensor, _: Given) -> Tensor:
    """KL over the tokens that are among the ``TOP`` of either, normalised over them, of every row."""
    among = torch.zeros_like(student, dtype=torch.bool)
    for logits in (student, teacher):
        among = among.scatter(-1, logits.topk(min(TOP, logits.shape[-1]), dim=-1).indices, value=True)
    log_q, log_p = (torch.log_softmax(z.masked_fill(~among, -torch.inf), dim=-1) for z in (student, teacher))
    return torch.where(among, log_p.exp() * (log_p - log_q), 0.0).sum(dim=-1)


def _on_lists(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    student, teacher = given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()
    tops = [z.topk(min(TOP, z.shape[-1]), dim=-1).indices for z in (student, teacher)]
    chosen = torch.cat(tops, dim=-1).sort(dim=-1).values
    log_q, log_p = (torch.log_softmax(z.gather(-1, chosen), dim=-1) for z in (student, teacher))
    return (log_p.exp() * (log_p - log_q)).sum() / max(1, len(chosen))


BUG = Bug(
    "V201",
    "topk-union-has-duplicates",
    __doc__,
    (divergence_gradient, ignored_rows, half_precision),
    buggy,
    fixed,
    covers=("S06",),
)
