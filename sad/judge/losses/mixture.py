"""A divergence that a label loss is mixed into: without it, and whether the two go together."""

from __future__ import annotations

from dataclasses import replace

from sad.judge.losses.context import of_texts
from sad.judge.losses.discover import Shape, explained
from sad.judge.losses.divisor import divided
from sad.judge.losses.refit import refit
from sad.judge.losses.rows import rows_of
from sad.judge.losses.sample import given, sample, used
from sad.judge.roles import Role
from sad.subjects.divergence import Reduction


def unlike(shape: Shape, seed: int) -> list[str]:
    """Say that divergence and label loss are divided by things that do not go together: their weight is none."""
    call, first = shape.call, shape.fit
    if not first.labels or not used(first.ce).any():
        return []
    of = [sample(call, given(seed, which, count=call.takes(Role.COUNT))) for which in (0, 1)]
    fits = [refit(s, first, call) for s in of]
    _, shift = rows_of(of[0], fits[0])
    soft = divided(of, fits, shift=shift)
    hard = divided(of, [replace(f, kd=f.ce) for f in fits], shift=first.labels == "next")
    if hard.reduction not in (Reduction.MEAN, Reduction.ROWS):
        return []
    if soft.reduction is Reduction.SUM:
        return [
            "the divergence is summed over the batch, the label loss beside it is a mean: they weigh otherwise in each"
        ]
    if soft.reduction is Reduction.BATCH and call.form.rank == 3 and of_texts(call):
        why = "the divergence is divided by the sequences alone, the label loss beside it by its rows"
        return [f"{why}: what they weigh changes with the length"]
    return []


def without_labels(shape: Shape) -> tuple[Shape, list[str]]:
    """Where a weight mixes label loss and divergence, hold it where there is only the divergence."""
    if not shape.fit.labels or not used(shape.fit.ce).any():
        return shape, []
    ce, kd = float(shape.fit.ce.abs().max()), float(shape.fit.kd.abs().max())
    smoothed = f" with label smoothing {shape.fit.smoothing:.3g}" if shape.fit.smoothing else ""
    said = f"the loss on the labels{smoothed} is mixed in, {ce / kd:.3g} times as much as the divergence"
    names = [n for n in shape.call.betas() if n != shape.call.form.beta or not shape.fit.family.beta]
    for name in names:
        for end in (0.0, 1.0):
            try:
                call = shape.call.formed(settings={**shape.call.settings, name: end}, beta=shape.call.form.beta or "")
                of = sample(call, shape.sample.given)
                again = explained(of, call)
            except Exception:
                # an end that it does not take
                continue
            if again.good and not again.labels and again.family == shape.fit.family:
                return replace(shape, call=call, sample=of, fit=again), [f"{said}; judged at {name} = {end:g}, without"]
    return shape, [f"{said}; it is taken off before the divergence is judged"]
