"""What is asked of a loss before the properties of `sad/invariants`: is it a divergence, and the one that it says."""

from __future__ import annotations

import re
from dataclasses import replace

import torch
from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.claims import claims as claimed
from sad.judge.losses.constructor import kept_losses
from sad.judge.losses.context import SEQUENCES, around, of_language_models, of_texts, source
from sad.judge.losses.families import FORWARD, forward_kl
from sad.judge.losses.found import Found
from sad.judge.losses.fused import fused
from sad.judge.losses.sample import sample, shown
from sad.judge.losses.switches import switches as turned
from sad.judge.losses.temperature import CHANGES, UNSQUARED
from sad.judge.losses.unexplained import unexplained
from sad.judge.roles import Role
from sad.judge.target import said
from sad.subjects.divergence import Given, Reduction, Squared, Takes
from sad.verdict import Standing, Verdict

SAME = 1e-6
FLATTENED = re.compile(r"\.(view|reshape)\(\s*-1\s*,[^)\n]*(size\(\s*-1|shape\[-1\]|vocab)", re.IGNORECASE)
"""Where its source flattens logits to rows somewhere: they have three axes."""
AXIS_TWO = re.compile(r"softmax\((?:[^()]|\([^()]*\))*?(,\s*|dim\s*=\s*)2\s*\)")
"""A softmax along axis 2: logits have three."""
OF_TEXTS = ("attention_mask", "seq_len", "sequence", "-100", "vocab", "causal")
"""What the source of a loss has in it that is made for texts, not for one label an example."""


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
        return Verdict(False, "; ".join(found.faults), found.numbers, example=_telling(found))
    if found.known:
        notes = f" ({'; '.join(found.notes)})" if found.notes else ""
        return Verdict(True, f"it is {found.name}{notes}", found.numbers)
    return unexplained(found)


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
    if found.shared:
        return Verdict(True, f"divided by {found.shared}", standing=Standing.ALLOWED)
    if found.uneven:
        return Verdict(True, "rows have weights of their own", standing=Standing.ALLOWED)
    if contract.reduction is not Reduction.BATCH or call.form.rank == 2:
        return Verdict(True, contract.reduction.value)
    says = f"divided by the number of sequences alone: at length {length} it is {length} times a mean over rows"
    whole = call.takes(Role.MODEL) or (call.owner is not None and of_texts(call)) or of_language_models(call)
    text = source(call) + (around(call)[0] if whole else "")
    if _batchmean(call, text) and (
        SEQUENCES.search(text)
        or FLATTENED.search(text)
        or AXIS_TWO.search(text)
        or any(word in text.lower() for word in OF_TEXTS)
        or (whole and (of_texts(call) or of_language_models(call)))
    ):
        says = f"batchmean of [batch, length, vocab] is {says}"
        return Verdict(False, says, {"times": float(length)}, example=shown(found.shape.sample.given))
    return Verdict(True, f"{says}; give it rows of one axis for a mean", standing=Standing.ALLOWED)


def _batchmean(call: Call, text: str) -> bool:
    """Whether it says `batchmean`, or calls a loss that its constructor makes with that."""
    if "batchmean" in (text if call.takes(Role.MODEL) else source(call)):
        return True
    kept = kept_losses(call.owner) if call.owner is not None else {}
    return any(
        getattr(loss, "reduction", "") == "batchmean" and f"self.{name}(" in source(call) for name, loss in kept.items()
    )


def temperature_squared(found: Found) -> Verdict:
    """Where a label loss is beside it, its gradient is multiplied by T squared (Hinton et al. 2015, section 2)."""
    call, contract = found.shape.call, found.divergence.contract
    if not found.known or not call.takes(Role.TEMPERATURE) or found.shape.fit.family.plain:
        return Verdict(True, "it takes no temperature", standing=Standing.NOT_APPLICABLE)
    if CHANGES in found.notes:
        return Verdict(True, CHANGES, standing=Standing.NOT_APPLICABLE)
    if Takes.TEMPERATURE not in contract.takes or found.divergence.contract.squared != Squared.NOWHERE:
        where = f"T squared is {contract.squared.value}"
        return (
            Verdict(True, where)
            if Takes.TEMPERATURE in contract.takes
            else Verdict(True, "the temperature has no effect", standing=Standing.NOT_APPLICABLE)
        )
    if (found.mixed or call.reading.has(Role.LABEL_LOSS)) and found.name == FORWARD.name:
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
    if _same_of_equal_rows(call, of):
        return Verdict(True, f"{says}: a mean over other rows, the last one too", standing=Standing.ALLOWED)
    if any(
        abs(times - usual) < 1e-4 * usual for usual in (length, batch * length, 1 / length, 1 / (batch * length), batch)
    ):
        return Verdict(True, f"{says}: it divides by another number; give it labels", standing=Standing.ALLOWED)
    return Verdict(False, says, {"times": times}, example=shown(of))


def _same_of_equal_rows(call: Call, of: Given) -> bool:
    """Whether labels make no difference where all rows are the same: then both are means, over other rows."""
    assert of.labels is not None
    student, teacher = (x[:1, :1].expand_as(x).contiguous() for x in (of.student_logits, of.teacher_logits))
    some, none = (
        sample(call, replace(of, student_logits=student, teacher_logits=teacher, labels=labels)).value
        for labels in (of.labels.clamp_min(0), None)
    )
    return abs(some - none) <= SAME * (1 + abs(some))


def inputs_untouched(found: Found) -> Verdict:
    """The logits and labels that it was given are the same after the call: others read them too."""
    call, of = found.shape.call, found.shape.sample.given
    if call.hidden or call.form.chunks:
        return Verdict(True, "it takes no logits", standing=Standing.NOT_APPLICABLE)
    kept: list[tuple[str, Tensor, Tensor]] = []
    try:
        call.watching(kept)(replace(of, temperature=2.0))
        kept += _labels_under_a_mask(call, of)
    except Exception as error:
        return Verdict(True, f"could not be judged: {said(error)}", standing=Standing.NOT_APPLICABLE)
    for whose, before, after in kept:
        off = float((after.detach() - before).abs().max())
        if off > 0:
            return Verdict(
                False,
                f"it changes the {whose} in place, by up to {off:.3g}: what reads them later gets others",
                {"changed": off},
                example=shown(of),
            )
    return Verdict(True, "logits and labels are the same after the call")


def _labels_under_a_mask(call: Call, of: Given) -> list[tuple[str, Tensor, Tensor]]:
    """Labels that are ids where a mask is 0 too, before and after a call: there -100 would be written over -100."""
    names = call.reading.named(Role.LABELS)
    if not call.takes(Role.MASK, Role.PADDING) or of.labels is None or len(names) != 1:
        return []
    ids = call.value_of(Role.LABELS, names[0], of).clamp_min(0)
    before = ids.clone()
    call.formed(settings={**call.settings, names[0]: ids})(of)
    return [("labels", before, ids)]


def fused_gradients(found: Found) -> Verdict:
    """Where it takes hidden states and weights: their gradients are those of the logits, through the product."""
    if not found.shape.call.hidden:
        return Verdict(True, "it takes logits", standing=Standing.NOT_APPLICABLE)
    return fused(found.shape.call, found.shape.sample.given)


def switches(found: Found) -> Verdict:
    """With each part that is off by default turned on it runs, is finite, and leaves the same rows out."""
    return turned(found)


def _telling(found: Found) -> str:
    """The smallest call, or the ordinary one where one row is what its formula says: more are needed to see it."""
    of, family = found.shape.sample.given, found.shape.fit.family
    rows = found.known and not family.fault
    student, teacher = (x[:1, :1].detach() for x in (of.student_logits, of.teacher_logits))
    try:
        one = Given(student, teacher, None if of.labels is None else of.labels[:1, :1], 1.0, of.beta)
        value, right = sample(found.shape.call, one).value, float(family.formula(student, teacher, of.beta))
    except Exception:
        return shown(of)
    return shown(of) if rows and abs(value - right) <= SAME * (1 + abs(right)) else smallest(found)


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
