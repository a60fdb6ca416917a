"""Weights in pieces train, and are saved, as whole ones are.

## Property
Of two processes, each of which holds a part of every matrix (FSDP2), every step that is taken is that of one process
which holds them all: the loss and the gradient norm that are logged, the gradient that the optimizer is handed once it
is clipped, how far the weights moved, where that is logged, and the scores of evaluations. Both processes end with the
same whole. What is saved, moments of the optimizer too, has the names, the shapes and the values of what one process
saves.

The gradient and the weights are gathered by torch, from outside of the trainer. No process may hold all of them, else
nothing was shown.

## Why it must hold
Pieces are a way to find room. A piece looks like a matrix: it has a norm, it can be written to a file, and the code
that forgets the other pieces raises nothing where it runs.

## Tolerance
What the trainer's arithmetic explains (`Claims.noise`): 1e-10 in float64 (measured on the plain loop in pieces: 1e-16),
1e-5 in float32 (measured on the loop that trains, after four steps: 2e-7). Relative, of the norm of the whole gradient,
of each value that is logged, and, of what is saved, of its size or the way that the weights have gone, the smaller.

## What breaks it
The norm of one piece taken for that of all, for the log or for the clip; a piece that is saved in place of the whole; a
piece that is left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from sad.subjects.trainer import Line, Setup, Trace, Trainer
from sad.verdict import Verdict

ID = "I06"

PIECES = Setup(
    (2, 30, 5, 18, 9, 12, 4, 7),
    accumulation=2,
    devices=2,
    epochs=2,
    learning_rate=3e-3,
    clip=0.01,
    eval_every=2,
    held_out=2,
)
"""Four steps, each of which is clipped; an evaluation after the second and the last."""

WHOLE = replace(PIECES, accumulation=4, devices=1)

Found = Iterator[tuple[float, str]]
"""How far from the whole, and what that is, in words."""


def pieces_make_the_whole(trainer: Trainer) -> Verdict:
    """Judge a trainer that saves what it has learned, by a run in pieces beside one that is whole."""
    whole = trainer.run(WHOLE)
    total = len(whole.ends[0]) if whole.ends else 0
    if len(whole.taken) != WHOLE.steps or not whole.saved:
        return Verdict(False, f"one process takes {len(whole.taken)} of {WHOLE.steps} steps, or saves nothing")
    if not any(bool(taken.change.any()) for taken in whole.taken):
        return Verdict(False, "one process moves no weight: beside it nothing is shown")
    cut = trainer.run(PIECES)
    if len(cut.held) != PIECES.processes or sum(cut.held) != total or max(cut.held) == total:
        return Verdict(False, f"of {total} weights the processes hold {list(cut.held)}: they are not in pieces")
    found = [*away(whole, cut)]
    # the first is the nearest to the cause
    for apart, what in found:
        if not apart <= trainer.claims.noise:
            return Verdict(False, what, {"apart": apart})
    apart = max(apart for apart, _ in found)
    held = " + ".join(map(str, cut.held))
    return Verdict(True, f"{held} weights of {total}: steps and save within {apart:.1e} of the whole", {"apart": apart})


def away(whole: Trace, cut: Trace) -> Found:
    """How far a run in pieces is from the whole, in all that is looked at, what is nearest to a cause first."""
    yield from _steps(whole, cut)
    yield from _ends(whole, cut)
    yield from _saved(whole, cut)


def _steps(whole: Trace, cut: Trace) -> Found:
    """What is logged of each step and the gradient that the optimizer was handed, then the evaluations."""
    counts = [(len(run.taken), len(run.log), len(run.scores)) for run in (whole, cut)]
    if counts[0] != counts[1]:
        told = ["{} steps, {} of them logged, and {} evaluations".format(*count) for count in counts]
        yield math.inf, f"{told[1]} in pieces, {told[0]} whole"
        return
    for line, other, left, right in zip(whole.log, cut.log, whole.taken, cut.taken, strict=True):
        for name, expected, value in _told(line, other):
            yield _off(value, expected), f"step {line.step}: {name} {value:.4g} in pieces, {expected:.4g} whole"
        apart = _away(right.gradient, left.gradient)
        ratio = float(right.gradient.double().norm() / left.gradient.double().norm())
        yield apart, f"step {line.step}: gradient {apart:.0%} away from the whole one and {ratio:.2f} times as long"
    for number, (expected, value) in enumerate(zip(whole.scores, cut.scores, strict=True), 1):
        yield _off(value, expected), f"evaluation {number} scores {value:.4g} in pieces, {expected:.4g} whole"


def _told(whole: Line, cut: Line) -> Iterator[tuple[str, float, float]]:
    yield "loss", whole.loss, cut.loss
    for name, expected, value in (
        ("gradient norm", whole.grad_norm, cut.grad_norm),
        ("size of the update", whole.update, cut.update),
    ):
        if expected is not None:
            yield name, expected, math.nan if value is None else value


def _ends(whole: Trace, cut: Trace) -> Found:
    """The last weights of each process, of the way that they have gone."""
    for number, end in enumerate(cut.ends):
        apart = float((end - whole.ends[0]).double().norm()) / _way(whole)
        yield apart, f"process {number} of {len(cut.ends)} ends {apart:.0%} of the way from where one process ends"
    if any(not torch.equal(end, cut.ends[0]) for end in cut.ends):
        yield math.inf, f"{len(cut.ends)} processes end with other weights"


def _saved(whole: Trace, cut: Trace) -> Found:
    """Names and shapes, then values."""
    if set(cut.saved) != set(whole.saved):
        other = sorted(set(whole.saved) ^ set(cut.saved))
        yield math.inf, f"{len(cut.saved)} matrices are saved instead of {len(whole.saved)}: not {other[0]}"
        return
    for name, expected in whole.saved.items():
        found = cut.saved[name]
        if found.shape != expected.shape:
            yield math.inf, f"{name} is saved as {list(found.shape)}, whole it is {list(expected.shape)}"
            return
        # moments are small beside weights, and weights large beside the way that they have gone
        size = min(_way(whole), max(float(expected.double().norm()), 1e-300))
        apart = float((found - expected).double().norm()) / size
        apart = apart if apart == apart else math.inf
        yield (
            apart,
            f"{name} is saved {apart:.0%} away from the whole one",
        )


def _way(whole: Trace) -> float:
    """How far the weights have gone."""
    return max(float(torch.stack([taken.change for taken in whole.taken]).sum(0).double().norm()), 1e-300)


def _off(found: float, expected: float) -> float:
    off = abs(found - expected) / max(abs(expected), 1e-30)
    return off if off == off else math.inf


def _away(found: Tensor, expected: Tensor) -> float:
    away = float((found.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-300))
    return away if away == away else math.inf
