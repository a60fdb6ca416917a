"""The teacher's top-k list at each boundary: the likeliest tokens, as the student's ids, and the mass of the rest."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.errors import UserError
from sad.head.target import Live, Stored, TopK

BLOCK = 2**24
"""Numbers of a block of log-probabilities."""


@torch.no_grad()
def listed(target: Live, lists: Sequence[tuple[float, int]], *, mass: bool) -> Stored:
    """Return a list for each (temperature, k), likeliest first, a few rows at a time.

    Carried over to the student's tokens before the choice, so that ids are the student's. ``mass`` asks for the
    mapped share of the teacher's mass. Raises UserError where a probability is not a number.
    """
    made = [_list(target, temperature, k) for temperature, k in lists]
    share = torch.cat([target.mapped(rows) for rows in _blocks(target)]) if mass and len(target) else None
    if mass and share is None:
        share = target.hidden.new_zeros(0, dtype=torch.float32)
    return Stored(tuple(made), share)


def _list(target: Live, temperature: float, k: int) -> TopK:
    device = target.hidden.device
    ids = torch.empty(len(target), k, dtype=torch.int64, device=device)
    log_probs = torch.empty(len(target), k, dtype=torch.float32, device=device)
    tail = torch.empty(len(target), dtype=torch.float32, device=device)
    for rows in _blocks(target):
        every = target.block(rows, temperature)
        log_probs[rows], ids[rows] = every.topk(k, dim=-1)
        # summed, not 1 minus the list: a small rest would be lost in rounding
        tail[rows] = every.scatter(-1, ids[rows], -torch.inf).logsumexp(dim=-1)
    if bool(log_probs.isnan().any() | tail.isnan().any()):
        raise UserError("the teacher's probabilities are not numbers here: load it in fp32 (train.precision=fp32)")
    return TopK(ids, log_probs, tail, temperature)


def _blocks(target: Live) -> list[slice]:
    size = -(-BLOCK // max(target.vocab.student_size, target.vocab.teacher_size))
    return [slice(start, min(start + size, len(target))) for start in range(0, len(target), size)]
