"""An optimizer step is the same for every way of cutting it into micro-batches and processes.

## Property
The gradient that the optimizer is handed for some texts, the loss, the passes and the counts of tokens that are logged,
and the scores of a run that evaluates, are those of all the texts in one micro-batch: for micro-batches of any size and
number, for a last window and a last micro-batch that are not full, for one process and for several, on one node or on
more, and where memory is too short for a micro-batch. A step has the same texts however it is cut. The same texts at
the same weights give the same gradient the second time. All processes end with the same weights.

## Why it must hold
Accumulation and devices are how a step is computed, not what it is. Otherwise a run that is moved to another machine,
or is given another micro-batch because memory is short, is another run; and short texts weigh more than long ones.

## Tolerance
What the trainer's arithmetic explains (`Claims.noise`): 1e-10 in float64 (measured on the plain loop: 4e-14), 1e-5 in
float32 (measured on the loop that trains: 2e-7). Relative, of the norm of the whole gradient, and of each value that is
logged. The learning rate is 1e-12, so that the weights stand still.

## What breaks it
A mean of the means of micro-batches or of processes, where texts have unequal numbers of labels; a sum where gradients
are averaged; a term that is not divided; gradients that are cleared or scaled within a window, or not cleared after
it; processes or nodes that are not counted; a forward pass that goes around the module that joins the processes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from sad.subjects.trainer import Line, Setup, Taken, Trace, Trainer
from sad.verdict import Verdict

ID = "I06"

LENGTHS = (2, 30, 5, 18, 9, 12, 4, 7)
"""Numbers of labels: unequal, since equal ones hide every denominator."""

STILL = 1e-12
"""A learning rate that moves nothing."""

WHOLE = Setup(LENGTHS, micro_batch=8, epochs=2, learning_rate=STILL)
TAIL = Setup(LENGTHS, micro_batch=6, epochs=1, learning_rate=STILL)
"""Its last window has two texts."""

ODD = Setup(LENGTHS[:5], micro_batch=4, learning_rate=STILL)
"""Its last window has one text: of two processes one has none."""

HALF = Setup(LENGTHS, micro_batch=4, learning_rate=STILL, eval_every=1, held_out=2)
"""Two full windows, each followed by an evaluation."""

CUTS: tuple[tuple[Setup, Setup], ...] = (
    (WHOLE, replace(WHOLE, micro_batch=1, accumulation=8)),
    (WHOLE, replace(WHOLE, micro_batch=4, accumulation=2)),
    (WHOLE, replace(WHOLE, micro_batch=3, accumulation=3, cuts=2)),
    (WHOLE, replace(WHOLE, micro_batch=2, accumulation=2, devices=2, cuts=2)),
    (HALF, replace(HALF, cuts=4)),
    (HALF, replace(HALF, micro_batch=1, accumulation=2, nodes=2)),
    (WHOLE, replace(WHOLE, micro_batch=1, accumulation=2, devices=2, nodes=2)),
    (TAIL, replace(TAIL, micro_batch=1, accumulation=6)),
    (ODD, replace(ODD, micro_batch=2, devices=2, cuts=2)),
)
"""Each with the run that it must equal."""


def split_invariance(trainer: Trainer) -> Verdict:
    """Judge a trainer by every cut that it can be run on, and say which is farthest from the whole."""
    wholes = {setup: trainer.run(setup) for setup in (WHOLE, HALF, TAIL, ODD)}
    found = list(_repeated(wholes[WHOLE], trainer.claims.noise))
    for whole, setup in CUTS:
        if setup.processes in trainer.claims.processes:
            found += [(apart, f"{what} ({setup.split})") for apart, what in _compared(wholes[whole], trainer, setup)]
    wrong = [one for one in found if not one[0] <= trainer.claims.noise]
    if not wrong:
        apart = max((apart for apart, _ in found), default=0.0)
        says = f"gradient and loss of every split within {apart:.1e} of the whole"
        return Verdict(True, says, {"apart": apart, "wrong": 0})
    measured = [one for one in wrong if one[0] < math.inf]
    # what cannot be measured, and the largest of what can
    told = [what for apart, what in wrong if not apart < math.inf][:1]
    told += [what for _, what in sorted(measured, key=lambda one: -one[0])[:1]]
    apart = max((apart for apart, _ in measured), default=math.inf)
    return Verdict(False, "; ".join(told), {"apart": apart, "wrong": len(wrong)}, example=wrong[0][1])


def _repeated(whole: Trace, noise: float) -> Iterator[tuple[float, str]]:
    """Compare the first step with the second, which has the same texts at the same weights."""
    if len(whole.taken) != WHOLE.steps:
        yield math.inf, f"{len(whole.taken)} of {WHOLE.steps} steps"
        return
    apart = _distance(whole.taken[1], whole.taken[0])
    yield apart, f"the same texts at the same weights: gradient {apart:.0%} away the second time"
    if not noise < float(whole.taken[0].gradient.norm()) < math.inf:
        yield math.inf, f"the gradient has norm {float(whole.taken[0].gradient.norm()):.1e}"


def _compared(whole: Trace, trainer: Trainer, setup: Setup) -> Iterator[tuple[float, str]]:
    """Compare a run with the one that was not cut."""
    cut = trainer.run(setup)
    if len(cut.taken) != len(whole.taken):
        yield math.inf, f"{len(cut.taken)} optimizer steps instead of {len(whole.taken)}"
        return
    for number, (left, right) in enumerate(zip(whole.taken, cut.taken, strict=True), 1):
        if len(left.texts) % setup.processes and len(set(right.texts)) != len(left.texts):
            # some trainers repeat a text so that every process has one
            return
        if len(set(left.texts)) != len(set(right.texts)) or len(left.texts) != len(right.texts):
            yield math.inf, f"{len(set(right.texts))} texts in step {number} instead of {len(left.texts)}"
            return
        if sorted(left.texts) != sorted(right.texts):
            # processes may take their texts from parts of the data: other texts, another gradient
            return
        apart = _distance(right, left)
        ratio = float(right.gradient.double().norm() / left.gradient.double().norm())
        yield apart, f"gradient {apart:.0%} away from that of one micro-batch and {ratio:.2f} times as long"
    logged = {line.step: line for line in cut.log}
    for line in whole.log:
        yield from _told(line, logged.get(line.step))
    for number, (known, got) in enumerate(zip(whole.scores, cut.scores, strict=False), 1):
        yield abs(got - known) / max(abs(known), 1e-30), f"evaluation {number} scores {got:.4f}, {known:.4f} uncut"
    if len(cut.scores) != len(whole.scores):
        yield math.inf, f"{len(cut.scores)} evaluations instead of {len(whole.scores)}"
    spread = max((float((end - cut.ends[0]).abs().max()) for end in cut.ends), default=0.0)
    unequal = any(not torch.equal(end, cut.ends[0]) for end in cut.ends)
    if unequal:
        yield math.inf, f"{setup.processes} processes end with weights that are up to {spread:.1e} apart"


def _told(whole: Line, cut: Line | None) -> Iterator[tuple[float, str]]:
    """Compare what is logged of one step."""
    if cut is None:
        yield math.inf, f"step {whole.step} is not logged"
        return
    pairs = {"loss": (whole.loss, cut.loss)}
    if whole.epoch is not None:
        pairs["number of passes"] = (whole.epoch, math.nan if cut.epoch is None else cut.epoch)
    pairs |= {f"raw {name}": (value, cut.raw.get(name, math.nan)) for name, value in whole.raw.items()}
    pairs |= {name: (value, cut.counts.get(name, math.nan)) for name, value in whole.counts.items()}
    for name, (expected, found) in pairs.items():
        apart = abs(found - expected) / max(abs(expected), 1e-30)
        yield apart, f"{name} {found:.4f} logged, {expected:.4f} in one micro-batch"


def _distance(found: Taken, expected: Taken) -> float:
    """Relative, in the norm of the whole gradient."""
    right = expected.gradient.double()
    apart = float((found.gradient.double() - right).norm() / right.norm().clamp_min(1e-300))
    return apart if math.isfinite(apart) else math.inf
