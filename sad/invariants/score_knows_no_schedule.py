"""What a run is judged by moves with the weights, and with nothing else.

## Property
The score by which evaluations are compared, by which the best weights are kept and by which a run is stopped early:
with weights that stand still it is the same at every evaluation, to the last bit, whatever the objective's own
schedules do; with weights that move it moves.

## Why it must hold
Weights of terms that ramp up and a temperature that falls change the loss of weights that do not change. Read as
learning, that keeps a run alive that learns nothing; read as the opposite, it stops one that learns.

## Tolerance
None: the same weights on the same text give the same sum.

## What breaks it
The training objective, with its weights and temperature of the moment, as the score; a mean of the training losses
since the last evaluation; a score that is a constant.
"""

from __future__ import annotations

from dataclasses import replace

from sad.subjects.trainer import Setup, Trainer
from sad.verdict import Verdict

ID = "I02"

HELD = Setup((2, 30, 5, 18, 9, 12, 4, 7), micro_batch=2, epochs=3, learning_rate=1e-30, eval_every=2, ramp=True)
"""A rate that no weight can see."""


def score_knows_no_schedule(trainer: Trainer) -> Verdict:
    """Judge the scores of a run whose weights are held still while its objective moves, and of one that trains."""
    held = trainer.run(HELD).scores
    moving = trainer.run(replace(HELD, learning_rate=1e-2)).scores
    expected = HELD.steps // HELD.eval_every
    if not len(held) == len(moving) == expected:
        return Verdict(False, f"{len(held)} of {expected} evaluations with weights that stand still")
    numbers = {"first": held[0], "last": held[-1], "lowest": min(held), "highest": max(held)}
    if any(score != held[0] for score in held):
        says = f"weights that stand still score {' -> '.join(f'{score:.4f}' for score in held)}"
        return Verdict(False, says, numbers)
    if len(set(moving)) == 1:
        return Verdict(False, f"weights that move score {moving[0]:.4f} at every evaluation", numbers)
    return Verdict(True, f"held still {held[0]:.4f} at every evaluation; training, {moving[-1]:.4f}", numbers)
