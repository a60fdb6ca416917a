"""What is asked of a step or a loop: the properties of `sad/invariants` that take a trainer, on what was seen of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from sad.invariants.configuration_has_effect import CLIPPED, configuration_has_effect
from sad.invariants.split_invariance import TAIL, WHOLE, split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.invariants.teacher_isolation import STEPS, Look, teacher_isolation
from sad.judge.dicts import Batch
from sad.judge.judging import Code, reached, source
from sad.judge.steps.clips import gate
from sad.judge.steps.dropped import Runs, gone
from sad.judge.steps.lengths import Gradient, grows
from sad.judge.steps.padding import Padded, counted
from sad.judge.steps.scaler import SCALE
from sad.pair import Pair
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import Setup, Taken, Trainer
from sad.verdict import Cause, Standing, Verdict

ONE = Setup((3, 9, 5, 4), micro_batch=2, learning_rate=1e-3)
"""Two steps of two texts."""

EQUAL = Setup((9,) * 8, micro_batch=8, learning_rate=1e-12)
"""Texts of one length, which hide every denominator."""

UNEVEN = replace(EQUAL, lengths=(2, 30, 5, 18, 9, 12, 4, 7))

SETS_RATES = re.compile(r"\[['\"]lr['\"]\]\s*=[^=]")
"""Where a source sets the rates of its optimizer itself."""
TWICE = re.compile(r"learning rate \S+ where twice \S+ was asked for")
TURNED = 1e-2
"""Relative: accelerators divide by the norm plus 1e-6, at a clip of 0.01."""

SIZED = tuple(replace(WHOLE, micro_batch=size, accumulation=8 // size) for size in (1, 4))
"""The whole in micro-batches of one size."""

Isolated = Callable[[Pair, Look], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A step, loop or trainer of someone else's behind the interface of a trainer; ``isolated`` trains a pair, None
    where it asks no teacher; ``accumulates`` is whether it knows windows, ``scheduled`` whether it is handed a
    scheduler of ours.
    """

    trainer: Trainer
    isolated: Isolated | None
    accumulates: bool
    scheduled: bool = False
    scaled: bool = False
    """It is handed a scaler of gradients."""
    code: Code = field(default_factory=lambda: Code(None))
    gradient: Gradient | None = None
    """Of a step of the texts that are given."""
    unclipped: Trainer | None = None
    """The same with its clip where it is set to be, where that is a number in its source."""
    padded: Padded | None = None
    """The gradient of a step of the texts that are given, with more padding behind them; None where it has windows, or
    is not told what padding is.
    """
    halved: Trainer | None = None
    """The trainer at half precision, where that is a switch of its own."""
    fixed_rate: bool = False
    """It takes no learning rate and no optimizer: it makes its own, of a rate that is its own."""
    dropping: Runs | None = None
    """The trainer, where it says that it drops a last window that is not full."""


def can_be_called(of: Step) -> Verdict:
    """It takes optimizer steps that move the weights, the same every time."""
    first, again = (of.trainer.run(ONE) for _ in range(2))
    if not first.taken:
        return Verdict(False, f"no optimizer step for {len(ONE.lengths)} texts", {"steps": 0})
    if not any(bool(taken.change.any()) for taken in first.taken):
        norm = float(first.taken[0].gradient.norm())
        return Verdict(False, f"{len(first.taken)} optimizer steps move no weight; the gradient has norm {norm:.3g}")
    if not torch.equal(first.ends[0], again.ends[0]):
        off = float((first.ends[0] - again.ends[0]).abs().max())
        return Verdict(False, f"the same run twice ends with weights that are {off:.2g} apart")
    norm = float(first.taken[0].gradient.norm())
    return Verdict(
        True, f"{len(first.taken)} steps for {len(ONE.lengths)} texts, the first gradient has norm {norm:.3g}"
    )


def accounting(of: Step) -> Verdict:
    """Every window takes one step: `sad.invariants.step_accounting`; a scheduler that it is given waits for it."""
    verdict = step_accounting(of.trainer)
    if verdict.holds and of.dropping is not None:
        verdict = gone(of.dropping, verdict)
    if not verdict.holds or not of.scheduled:
        return verdict
    # schedules by other hands may begin one step on; this one is ours, and its first rate is the peak
    one = replace(EQUAL, schedule=Schedule.LINEAR, learning_rate=1e-2, micro_batch=2)
    taken = of.trainer.run(one).taken
    if not taken or abs(taken[0].rate - one.learning_rate) <= 1e-6 * one.learning_rate:
        return verdict
    rates = f"the first step has a learning rate of {taken[0].rate:.2g}, the schedule begins at {one.learning_rate:.2g}"
    return Verdict(False, f"{rates}: step the scheduler after the optimizer")


def _own_rates(of: Step) -> bool:
    return of.fixed_rate or (of.code is not None and bool(SETS_RATES.search(source(of.code))))


def splits(of: Step) -> Verdict:
    """A step is the same however it is cut: `sad.invariants.split_invariance`. A mean of means is named as such."""
    verdict = _split(of, of.trainer)
    if not verdict.holds and verdict.says.startswith("the same texts at the same weights") and _own_rates(of):
        says = "it sets its learning rates itself, and moves weights that should stay"
        return Verdict(True, says, standing=Standing.NOT_APPLICABLE)
    if verdict.holds and of.accumulates and of.unclipped is not None:
        below = _split(of, of.unclipped)
        return verdict if below.holds else replace(below, says=f"but for its clip, which hides it: {below.says}")
    if verdict.holds or not of.accumulates:
        return verdict
    whole, cut = (of.trainer.run(setup).taken for setup in (EQUAL, replace(EQUAL, micro_batch=1, accumulation=8)))
    if len(whole) != 1 or len(cut) != 1:
        return verdict
    if _apart(whole[0], cut[0]) > 10 * of.trainer.claims.noise:
        return verdict
    uneven, parts = (of.trainer.run(setup).taken for setup in (UNEVEN, replace(UNEVEN, micro_batch=1, accumulation=8)))
    if uneven and parts and _apart(uneven[0], parts[0]) <= 10 * of.trainer.claims.noise:
        # the first step is right: it is what the next one finds
        return verdict
    why = f"it is a mean of the means of micro-batches, {Cause.UNEVEN}"
    says = f"{why}: {verdict.says}; divide sums by the labels of the whole window"
    return replace(verdict, says=says, cause=Cause.UNEVEN)


def _split(of: Step, trainer: Trainer) -> Verdict:
    """The same; where micro-batches of one size each are right, one that is short may weigh as much as they do."""
    verdict = split_invariance(trainer)
    if verdict.holds or not of.accumulates:
        return verdict
    runs = [trainer.run(setup).taken for setup in (WHOLE, *SIZED, replace(WHOLE, micro_batch=3, accumulation=3))]
    if any(len(taken) != WHOLE.steps for taken in runs):
        return verdict
    first, *others = [one for taken in runs[:-1] for one in taken]
    whole, cut = (trainer.run(setup).taken for setup in (TAIL, replace(TAIL, micro_batch=1, accumulation=6)))
    pairs = [*((first, one) for one in others), *zip(whole, cut, strict=False)]
    if len(whole) != len(cut) or any(_apart(*pair) > trainer.claims.noise for pair in pairs):
        return verdict
    says = f"a last micro-batch that is short weighs as much as a full one: {verdict.says}"
    return Verdict(True, f"{says}; let the loader drop it, or divide by examples", standing=Standing.ALLOWED)


def lengths(of: Step) -> Verdict:
    """Its gradient is that of a mean over tokens: it does not grow with the length of the texts."""
    if of.gradient is None:
        return Verdict(True, "an adapter runs it", standing=Standing.NOT_APPLICABLE)
    verdict = grows(of.gradient, of.code)
    return counted(of.padded, of.code, verdict) if verdict.holds and of.padded is not None else verdict


def _apart(one: Taken, other: Taken) -> float:
    return float((one.gradient - other.gradient).norm() / one.gradient.norm())


def configuration(of: Step) -> Verdict:
    """Its clip, rate and schedule have their effect: `sad.invariants.configuration_has_effect`."""
    verdict = configuration_has_effect(of.trainer)
    if TWICE.fullmatch(verdict.says) and _own_rates(of):
        says = f"it sets its learning rates itself: {verdict.says}"
        return Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED)
    if not verdict.holds and "clipped" in verdict.says and (asked := gate(reached(of.code))):
        says = f"it clips where `{asked}`, which only its program can answer: {verdict.says}"
        return Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED)
    clipped = verdict.holds or "clipped" in verdict.says
    if clipped and of.accumulates and of.trainer.claims.clips and not of.trainer.claims.reshuffles:
        verdict = _clipped_once(of.trainer) or verdict
    if verdict.holds and not of.trainer.claims.clips and of.unclipped is not None:
        verdict = _fixed_clip(of, of.unclipped) or verdict
    if verdict.holds and of.halved is not None:
        verdict = _scaled_clip(of.halved, "at half precision its gradient") or verdict
    if verdict.holds or not (of.scaled or of.halved) or "clipped" not in verdict.says:
        return verdict
    return replace(verdict, says=f"{verdict.says}: unscale_() the gradients before they are clipped")


def _fixed_clip(of: Step, trainer: Trainer) -> Verdict | None:
    """Whether a clip at a number, set for once, is of the gradient of a window, and of one that is not scaled."""
    if of.accumulates and (verdict := _clipped_once(trainer)) is not None:
        return verdict
    return _scaled_clip(trainer, "its gradient") if of.scaled else None


def _scaled_clip(trainer: Trainer, what: str) -> Verdict | None:
    """Whether a gradient is clipped while it is scaled."""
    try:
        taken = [trainer.run(replace(EQUAL, clip=clip)).taken[:1] for clip in (EQUAL.clip, CLIPPED)]
    except Exception:  # half precision is more than it was found to run with
        return None
    norms = [float(one.gradient.norm()) for some in taken for one in some]
    if len(norms) < 2 or norms[0] < CLIPPED or abs(norms[1] * SCALE / CLIPPED - 1) > TURNED:
        return None
    says = f"{what} has norm {norms[1]:.3g}, clipped at {CLIPPED} under a scale of {SCALE:g}"
    return Verdict(False, says)


def _clipped_once(trainer: Trainer) -> Verdict | None:
    """Whether the gradient of a window is clipped, not that of each micro-batch: that turns it."""
    bounds = (EQUAL.clip, CLIPPED)
    cut = replace(EQUAL, micro_batch=1, accumulation=len(EQUAL.lengths))
    taken = [[trainer.run(replace(setup, clip=clip)).taken for setup in (EQUAL, cut)] for clip in bounds]
    if any(len(steps) != 1 for pair in taken for steps in pair):
        return None
    free, bound = (_apart(whole[0], parts[0]) for whole, parts in taken)
    if free > TURNED or bound <= TURNED:
        return None
    says = f"gradients are clipped in each micro-batch, not once a window: that of 8 micro-batches is {bound:.0%} away"
    return Verdict(False, f"{says} from that of one; clip before the optimizer's step alone", {"apart": bound})


def isolation(of: Step) -> Verdict:
    """The teacher is read and nothing else: `sad.invariants.teacher_isolation`."""
    if of.isolated is None:
        return Verdict(True, "it takes no teacher", standing=Standing.NOT_APPLICABLE)
    verdict = teacher_isolation(of.isolated)
    if verdict.holds or verdict.cause is not Cause.GRAPH:
        return verdict
    says = f"{verdict.says}: freeze the teacher before, or ask it under torch.no_grad()"
    return Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED)


def batches_of_pair() -> list[Batch]:
    """Return batches of random ids for a pair's models: input_ids, attention_mask, labels."""
    noise = torch.Generator().manual_seed(0)
    made: list[Any] = [torch.randint(2, 300, (2, 12), generator=noise) for _ in range(STEPS)]
    return [Batch(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids.clone()) for ids in made]
