"""What a loss of someone else may leave to its caller, though a property says otherwise; each with its reason."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from sad.case import Standing, Verdict
from sad.judge.battery import judged
from sad.subjects.divergence import Divergence, Given

SPREAD_OUT = "not contiguous: it raises"
OVERFLOWS = "a logit of 30000, float16: the loss is infinite"
UNDEFINED = "right nan"


def settled(name: str, divergence: Divergence) -> Verdict:
    """Judge a property; what breaks it and may be left to the caller is allowed."""
    verdict = judged(name, divergence)
    if verdict.holds:
        return verdict
    if SPREAD_OUT in verdict.says:
        # a view that cannot be made is loud; everything else of the property is judged on tensors that have one
        again = judged(name, replace(divergence, loss=lambda given: divergence.loss(_dense(given))))
        return again if not again.holds else _allowed("it raises on tensors that are not contiguous", verdict)
    if OVERFLOWS in verdict.says:
        return _allowed("in float16 a loss near 60,000 overflows; give it float32 logits", verdict)
    if UNDEFINED in verdict.says:
        return _allowed("its own formula has no value where a token is ruled out", verdict)
    return verdict


def _allowed(why: str, verdict: Verdict) -> Verdict:
    return Verdict(True, why, verdict.numbers, standing=Standing.ALLOWED, example=verdict.example)


def _dense(given: Given) -> Given:
    labels: Tensor | None = None if given.labels is None else given.labels.contiguous()
    student, teacher = given.student_logits.contiguous(), given.teacher_logits.contiguous()
    return replace(given, student_logits=student, teacher_logits=teacher, labels=labels)
