"""What is saved is what was scored, and what is scored is what was trained.

## Property
Whatever a run saves (the best, the last, every checkpoint), read back and evaluated again by the run's own evaluation,
gives the score that the run has on record for it. And the weights on which it evaluates have gone along with the
training: of the way from the first weights to those that the optimizer holds, less than half is missing. Where it is
told when and how a run saves: no later than a step after the time that was asked for, and no sooner; as many saves are
kept as were asked for, and nothing half-written; each was handed to the disk before it got its name; and a full disk is
named, and leaves nothing.

## Why it must hold
A checkpoint is chosen by its score. If the score is that of other weights, the choice is blind, and the model that is
handed on is worse than its number. If the weights that are scored are an average that still is mostly the beginning,
the number tells of the beginning.

A save that is half there, or that a loss of power takes away, is found out when it is needed.

## Tolerance
1e-6 of the score: the same weights on the same batches give the same bits (0 was found for the code that trains); other
threads may add in another order. The share of the beginning is 0 without an average; half of the way is far more than
any lag that is meant.

## What breaks it
Swapping the average out before the save; saving the average and scoring the raw weights; an average whose horizon,
1 / (1 - decay), is longer than the run, without a warm-up of the decay.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sad.subjects.kept import Keeper, Kept, Weights
from sad.verdict import Verdict

ID = "I02"

TOLERANCE = 1e-6
MOST = 0.5
FULL = "No space left"
"""In the words of every system for a full disk."""


def saved_is_what_was_scored(keeper: Keeper) -> Verdict:
    """Judge a run by what it has left."""
    kept = keeper()
    numbers = {"claims": float(len(kept.claims))}
    if not kept.claims:
        return Verdict(False, "nothing was saved", numbers)
    apart = 0.0
    for claim in kept.claims:
        again = kept.score(claim.saved)
        error = abs(again - claim.told) / max(abs(claim.told), 1e-9)
        if not error <= TOLERANCE:
            says = f"{claim.of} was saved as {claim.told:.5g} and scores {again:.5g}"
            return Verdict(False, says, {**numbers, "told": claim.told, "again": again})
        apart = max(apart, error)
    if fault := next(_faults(kept), None):
        return Verdict(False, fault, numbers)
    share = _share_of_the_start(kept)
    numbers |= {"apart": apart, "share": share}
    if not share < MOST:
        return Verdict(False, f"{share:.0%} of the weights that are scored are the initial ones", numbers)
    says = f"{len(kept.claims)} saved and scored again: the same; {abs(share):.0%} of what is scored is the beginning"
    return Verdict(True, says, numbers)


def _faults(kept: Kept) -> Iterator[str]:
    """Say what is wrong with how it saves."""
    if late := [wait for wait in kept.waits if not wait <= 1 + kept.step]:
        yield f"{late[0]:.3g} times as long between two saves as was asked for"
    if soon := [wait for wait in kept.waits[:-1] if not wait > 1]:
        yield f"{soon[0]:.3g} times as long between two saves as was asked for"
    if kept.left:
        yield f"{len(kept.left)} things lie beside the saves: {', '.join(kept.left[:3])}"
    if kept.unsynced:
        yield f"not handed to the disk, or still open: {', '.join(kept.unsynced[:3])}"
    if kept.full_disk is not None and FULL not in kept.full_disk:
        yield f"on a full disk it ends with {kept.full_disk!r}"


def _share_of_the_start(kept: Kept) -> float:
    """What is missing of the way from ``start`` to ``last``, by least squares; infinite if nothing moved."""
    start, last, scored = (_flat(kept.start, of) for of in (kept.start, kept.last, kept.scored))
    way = last - start
    length = float(way @ way)
    return 1 - float((scored - start) @ way) / length if length > 0 else float("inf")


def _flat(names: Weights, of: Weights) -> Tensor:
    return torch.cat([of[name].detach().double().reshape(-1) for name in names])
