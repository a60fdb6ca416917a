"""What is asked of a loss before the properties of `sad/invariants`: is it a divergence, and the one that it says."""

from __future__ import annotations

import re
from dataclasses import replace

import torch
from torch import Tensor

from sad.case import Standing, Verdict
from sad.judge.call import Call
from sad.judge.claims import claims as claimed
from sad.judge.discover import SEQUENCES, explained, source
from sad.judge.families import FORWARD, forward_kl
from sad.judge.found import Found
from sad.judge.fused import fused
from sad.judge.roles import Role
from sad.judge.sample import ACCEPTED, fit, given, sample, slope_of
from sad.judge.target import said
from sad.judge.temperature import UNSQUARED
from sad.judge.weighted import undetached
from sad.subjects.divergence import Given, Kind, Reduction, Squared, Takes

ZERO = 1e-4
"""Of the gradient's norm at equal logits against that at ordinary ones: float32 and epsilons leave up to 1e-6."""
SAME = 1e-6
TRIES = 8
STEP = 1e-3
SMALL = 0.1
OF_TEXTS = ("attention_mask", "seq_len", "sequence", "-100", "vocab", "causal")
"""What the source of a loss has in it that is made for texts, not for one label an example."""
WEIGHT = re.compile(r"weight|difficult|adaptive|importance|\bgap|\bhard|\bw\b", re.IGNORECASE)
"""Where the source of a loss speaks of weights."""
SLOPE = 2e-2
"""Relative, between a directional derivative and a difference over STEP in float32."""


def can_be_called(found: Found) -> Verdict:
    """It returns a number with a gradient, the same every time."""
    call, of = found.shape.call, found.shape.sample
    how = f"; the loss is {call.picked}" if call.picked else ""
    if not of.attached:
        return Verdict(False, f"no gradient reaches the student's logits{how}")
    if of.value != of.value or not bool(of.gradient.isfinite().all()):
        return Verdict(
            False,
            f"on ordinary logits its value is {of.value:g} and its gradient is not finite",
            example=shown(of.given),
        )
    again = sample(call, of.given)
    if abs(again.value - of.value) > SAME * (1 + abs(of.value)):
        return Verdict(False, f"the same call twice gives {of.value:.6g} and {again.value:.6g}")
    norm = float(of.gradient.norm())
    if norm == 0:
        return Verdict(False, f"its gradient is zero where student and teacher differ{how}")
    return Verdict(
        True, f"value {of.value:.5g}, gradient's norm {norm:.3g} on ordinary logits{how}", {"value": of.value}
    )


def known_divergence(found: Found) -> Verdict:
    """Value and gradient are those of a divergence that is known; else it is zero and flat at equal logits alone."""
    if found.faults:
        return Verdict(False, "; ".join(found.faults), found.numbers, example=smallest(found))
    if found.known:
        notes = f" ({'; '.join(found.notes)})" if found.notes else ""
        return Verdict(True, f"it is {found.name}{notes}", found.numbers)
    return _unknown(found)


def claims(found: Found) -> Verdict:
    """It is what its name and its docs say."""
    wrong = claimed(found)
    if wrong is None:
        return Verdict(True, "its name and docs name no direction", standing=Standing.NOT_APPLICABLE)
    if wrong:
        return Verdict(False, "; ".join(wrong), example=smallest(found))
    return Verdict(True, f"it is what its name and docs say: {found.name}")


def divisor(found: Found) -> Verdict:
    """The sum over rows is divided by what makes losses of texts of any length comparable, or left to the caller."""
    call, contract = found.shape.call, found.divergence.contract
    if not found.known:
        return Verdict(True, "not known", standing=Standing.NOT_APPLICABLE)
    length = found.shape.sample.given.student_logits.shape[1]
    if found.unfit:
        says = f"{found.unfit}; a mean over rows is divided by their number, a sum by a given count or by nothing"
        return Verdict(False, says, example=shown(found.shape.sample.given))
    if found.uneven:
        return Verdict(True, "rows have weights of their own", standing=Standing.ALLOWED)
    if contract.reduction is not Reduction.BATCH or call.form.rank == 2:
        return Verdict(True, contract.reduction.value)
    says = f"divided by the number of sequences alone: at length {length} it is {length} times a mean over rows"
    text = source(call)
    if "batchmean" in text and (SEQUENCES.search(text) or any(word in text.lower() for word in OF_TEXTS)):
        says = f"batchmean of [batch, length, vocab] is {says}"
        return Verdict(False, says, {"times": float(length)}, example=shown(found.shape.sample.given))
    return Verdict(True, f"{says}; give it rows of one axis for a mean", standing=Standing.ALLOWED)


def temperature_squared(found: Found) -> Verdict:
    """Where a label loss is beside it, its gradient is multiplied by T squared (Hinton et al. 2015, section 2)."""
    call, contract = found.shape.call, found.divergence.contract
    if not found.known or not call.takes(Role.TEMPERATURE) or found.shape.fit.family.plain:
        return Verdict(True, "it takes no temperature", standing=Standing.NOT_APPLICABLE)
    if Takes.TEMPERATURE not in contract.takes or found.divergence.contract.squared != Squared.NOWHERE:
        where = f"T squared is {contract.squared.value}"
        return (
            Verdict(True, where)
            if Takes.TEMPERATURE in contract.takes
            else Verdict(True, "the temperature has no effect", standing=Standing.NOT_APPLICABLE)
        )
    if found.mixed and contract.kind is Kind.FORWARD_KL:
        says = f"{UNSQUARED}, beside a label loss that does not: at T = 8 the teacher counts a sixty-fourth"
        return Verdict(False, says, {"gradient at T = 3": 1 / 9})
    return Verdict(True, f"{UNSQUARED}; a matter of its weight", standing=Standing.ALLOWED)


def without_labels(found: Found) -> Verdict:
    """Without labels it is what it is with labels for every row."""
    call, of = found.shape.call, found.shape.sample.given
    if of.labels is None or not call.may_lack(Role.LABELS, Role.MASK, Role.PADDING):
        return Verdict(True, "it takes none, or must have them", standing=Standing.NOT_APPLICABLE)
    every = sample(call, replace(of, labels=of.labels.clamp_min(0)))
    try:
        none = sample(call, replace(of, labels=None))
    except Exception as error:
        return Verdict(False, f"without labels, which it need not be given, it raised {said(error)}")
    if abs(none.value - every.value) <= SAME * (1 + abs(every.value)):
        return Verdict(True, "the same without labels as with a label for every row")
    times = none.value / every.value if every.value else float("nan")
    says = f"without labels {none.value:.5g}, with a label for every row {every.value:.5g}, {times:.4g} times"
    batch, length, _ = of.student_logits.shape
    if any(
        abs(times - usual) < 1e-4 * usual for usual in (length, batch * length, 1 / length, 1 / (batch * length), batch)
    ):
        return Verdict(True, f"{says}: it divides by another number; give it labels", standing=Standing.ALLOWED)
    return Verdict(False, says, {"times": times}, example=shown(of))


def inputs_untouched(found: Found) -> Verdict:
    """The logits that it was given are the same after the call: others read them too."""
    call, of = found.shape.call, found.shape.sample.given
    if call.hidden or call.form.chunks:
        return Verdict(True, "it takes no logits", standing=Standing.NOT_APPLICABLE)
    kept: list[tuple[str, Tensor, Tensor]] = []
    watched = call.watching(kept)
    try:
        watched(replace(of, temperature=2.0))
    except Exception as error:
        return Verdict(True, f"could not be judged: {said(error)}", standing=Standing.NOT_APPLICABLE)
    for whose, before, after in kept:
        off = float((after.detach() - before).abs().max())
        if off > 0:
            return Verdict(
                False,
                f"it changes the {whose}'s logits in place, by up to {off:.3g}: what reads them later gets others",
                {"changed": off},
                example=shown(of),
            )
    return Verdict(True, "the logits are the same after the call")


def fused_gradients(found: Found) -> Verdict:
    """Where it takes hidden states and weights: their gradients are those of the logits, through the product."""
    if not found.shape.call.hidden:
        return Verdict(True, "it takes logits", standing=Standing.NOT_APPLICABLE)
    return fused(found.shape.call, found.shape.sample.given)


def shown(of: Given) -> str:
    """Say which ordinary call it was."""
    batch, length, vocab = of.student_logits.shape
    kind = str(of.student_logits.dtype).removeprefix("torch.")
    return f"random logits [{batch}, {length}, {vocab}] in {kind}, T = {of.temperature:g}"


def smallest(found: Found) -> str:
    """The smallest call on which value or gradient are seen to be wrong: one row, two tokens."""
    student = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    teacher = torch.tensor([[[0.0, 3.0]]], dtype=torch.float64)
    call = found.shape.call
    labels = None if found.shape.sample.given.labels is None else torch.ones(1, 1, dtype=torch.long)
    try:
        of = sample(call, Given(student, teacher, labels, 1.0, 0.3))
    except Exception:
        return shown(found.shape.sample.given)
    right = float(forward_kl(student, teacher))
    slope = ", ".join(f"{x:.4g}" for x in of.gradient.flatten())
    return (
        f"student [0, 1], teacher [0, 3], one row, T = 1{', beta = 0.3' if call.betas() else ''}: "
        f"value {of.value:.4g}, gradient [{slope}]; KL(teacher || student) is {right:.4g}"
    )


def _unknown(found: Found) -> Verdict:
    call, of, near = found.shape.call, found.shape.sample, found.notes[0]
    teacher = of.given.teacher_logits
    equal = sample(call, replace(of.given, student_logits=teacher.clone()))
    norm, usual = float(equal.gradient.norm()), float(of.gradient.norm())
    numbers = {"gradient at equal logits": norm, "usual gradient": usual, "value at equal logits": equal.value}
    numbers["unexplained"] = found.shape.fit.residual
    example = f"student = teacher: {shown(of.given)}"
    for rows in (1, -1):
        beside = explained(replace(of, given=replace(of.given, teacher_logits=teacher.roll(rows, dims=1))), call)
        if beside.good and not beside.family.fault:
            other = f"i {'-' if rows > 0 else '+'} 1"
            says = f"it is {beside.family.name} between the student's row i and the teacher's row {other}"
            return Verdict(False, f"{says}: the two are shifted against each other", numbers, example=shown(of.given))
    if verdict := _weighted(found, numbers):
        return verdict
    if norm != norm or equal.value != equal.value:
        return Verdict(False, f"not finite where student equals teacher; {near}", numbers, example=example)
    if norm > ZERO * usual:
        size = f"gradient's norm {norm:.3g} at student = teacher ({usual:.3g} elsewhere)"
        return Verdict(False, f"it pulls the student away from its teacher: {size}; {near}", numbers, example=example)
    small = replace(of.given, student_logits=SMALL * of.given.student_logits, teacher_logits=SMALL * teacher)
    near_nothing = explained(sample(call, small), call)
    off = 100 * fit(of, near_nothing.family, near_nothing.beta, near_nothing.labels).residual
    if near_nothing.good and not near_nothing.family.fault and off > 100 * ACCEPTED:
        says = (
            f"on logits a tenth as large it is {near_nothing.family.name}, on ordinary ones {off:.3g}% of its gradient"
        )
        return Verdict(
            False,
            f"{says} is something else: large logits or small probabilities are cut off",
            numbers,
            example=shown(of.given),
        )
    lowest = min(_above(call, of.given, seed, equal.value) for seed in range(1, TRIES + 1))
    numbers["least above"] = lowest
    own = _its_own_gradient(call, of.given)
    if lowest <= 0 and not (not own and all(_towards(call, of.given, seed) for seed in range(1, TRIES + 1))):
        says = f"it is {-lowest:.4g} lower at other logits than where student equals teacher; {near}"
        return Verdict(False, says, numbers, example=shown(of.given))
    if not own:
        near = f"{near}; part of its gradient is held back (its value rises otherwise than its gradient says)"
    says = f"not one that I know, but a divergence: least and flat at student = teacher; {near}"
    return Verdict(True, says, numbers, standing=Standing.ALLOWED)


def _weighted(found: Found, numbers: dict[str, float]) -> Verdict | None:
    """Rows weighted by a number of the student's own that is not detached; where it is a gap only if meant as one."""
    of = found.shape.sample
    weighted = undetached(of, (of.given.beta, 0.5))
    if weighted is None:
        return None
    says = (
        f"it is {weighted.family.name}, its rows weighted by a function of {weighted.feature} that is not detached: "
        f"the weight's part of the gradient is {weighted.share:.3g} times as large as the whole"
    )
    numbers = {**numbers, "the weight's share": weighted.share}
    if weighted.gap and not WEIGHT.search(source(found.shape.call)):
        return Verdict(True, f"{says}; least where the two are equal", numbers, standing=Standing.ALLOWED)
    return Verdict(False, f"{says}; .detach() it", numbers, example=shown(of.given))


def _towards(call: Call, of: Given, seed: int) -> bool:
    """Whether a step down its gradient comes nearer to the teacher: the value of a held-back target does not say."""
    other = given(seed, labels=of.labels is not None).student_logits
    away = replace(of, student_logits=of.teacher_logits + 0.3 * (other - of.teacher_logits))
    slope = slope_of(away.student_logits, away.teacher_logits, FORWARD, 0.5, (1.0, 1.0))
    return float((sample(call, away).gradient * slope).sum()) > 0


def _above(call: Call, of: Given, seed: int, least: float) -> float:
    other = given(seed, labels=of.labels is not None).student_logits
    away = replace(of, student_logits=of.teacher_logits + 0.3 * (other - of.teacher_logits))
    return sample(call, away).value - least


def _its_own_gradient(call: Call, of: Given) -> bool:
    direction = given(99, labels=False).student_logits
    high, low = (
        sample(call, replace(of, student_logits=of.student_logits + s * direction)).value for s in (STEP, -STEP)
    )
    slope = float((sample(call, of).gradient * direction).sum())
    return abs((high - low) / (2 * STEP) - slope) <= SLOPE * max(abs(slope), 1e-3)
