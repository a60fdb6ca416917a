"""A run in pieces that is taken up by another number of processes is the run that was never stopped.

## Property
Two processes that each hold a part of every matrix (FSDP2) are stopped after the first of four steps. Taken up by one
process, by two, and by four, the run takes the steps that one process takes which was never stopped and holds
everything: the loss and the gradient norm that are logged, the gradient that the optimizer is handed, the scores of
evaluations. It ends with the same weights and saves the same, moments of the optimizer too.

## Why it must hold
Machines that are rented come and go: who takes up a run has seldom as many devices as before. What is kept by piece
fits nobody else, and where it is left out without a word the run goes on: the loss jumps a little, if at all.

## Tolerance
What the trainer's arithmetic explains (`Claims.noise`): 1e-10 in float64, 1e-5 in float32; relative, as
`pieces_make_the_whole` has it.

## What breaks it
Moments that each process writes for itself and looks for under its own number; a piece that is put where another one
belongs; moments that come back on the first process alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sad.invariants.pieces_make_the_whole import PIECES, WHOLE, away
from sad.subjects.pieces import Pieces
from sad.subjects.trainer import Setup
from sad.verdict import Verdict

ID = "I17"

AT = 1
"""Steps that are taken before the run is stopped: within an epoch."""

TAKEN_UP: tuple[Setup, ...] = (WHOLE, PIECES, replace(PIECES, accumulation=1, devices=4))
"""By one process, by as many as before, and by more."""


def pieces_go_on(trainer: Pieces) -> Verdict:
    """Judge a trainer that can be stopped, by a run that never was beside those that go on from a stop."""
    whole = trainer.run(WHOLE)
    if len(whole.taken) != WHOLE.steps or not whole.saved:
        return Verdict(False, f"one process takes {len(whole.taken)} of {WHOLE.steps} steps, or saves nothing")
    total, apart = len(whole.ends[0]), 0.0
    rest = replace(whole, taken=whole.taken[AT:], log=[line for line in whole.log if line.step > AT])
    if not any(bool(taken.change.any()) for taken in rest.taken):
        return Verdict(False, "one process moves no weight: beside it nothing is shown")
    for setup, ran in zip(TAKEN_UP, trainer.taken_up(PIECES, AT, TAKEN_UP), strict=True):
        where = f"saved by {PIECES.processes} processes and taken up by {setup.processes}"
        if fault := _not_in_pieces(setup, ran.held, total):
            return Verdict(False, f"{where}: {fault}")
        if len(ran.taken) != len(rest.taken):
            return Verdict(False, f"{where}: {len(ran.taken)} steps are taken, not {len(rest.taken)}")
        for off, what in away(rest, ran):
            if not off <= trainer.claims.noise:
                return Verdict(False, f"{where}: {what}", {"apart": off})
            apart = max(apart, off)
    told = ", ".join(str(setup.processes) for setup in TAKEN_UP)
    says = f"saved by {PIECES.processes} processes, taken up by {told}: within {apart:.1e} of the run never stopped"
    return Verdict(True, says, {"apart": apart})


def _not_in_pieces(setup: Setup, held: Sequence[int], total: int) -> str:
    """What is wrong with how the weights are held; empty where nothing is."""
    if len(held) == setup.processes and sum(held) == total and (max(held) < total or setup.processes == 1):
        return ""
    return f"of {total} weights the processes hold {list(held)}: they are not in pieces"
