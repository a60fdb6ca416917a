"""What a loss of someone else may leave to its caller, though a property says otherwise; each with its reason."""

from __future__ import annotations

import re
from dataclasses import replace

from torch import Tensor

from sad.case import Standing, Verdict
from sad.judge.battery import judged
from sad.subjects.divergence import Divergence, Given

SPREAD_OUT = "not contiguous: it raises"
OVERFLOWS = re.compile(r"a logit of 30000, float16: the loss is (infinite|NaN)")
RATIO = re.compile(r"\(x (?P<ratio>[\d.]+)\)")
EPSILON = 0.01
"""Relative: what an epsilon beside 70,000 probabilities may change."""
WEIGHED = ("padding", "partition")
UNDEFINED = "right nan"
DROPPED = re.compile(r"^a token ruled out by [^:]*: (value|gradient) (?!nan)[-\d.]")
HELD_BACK = re.compile(r"\.detach\(\)|no_grad|stop_gradient|topk|\.data\b")


def settled(
    name: str, divergence: Divergence, text: str = "", *, uneven: bool = False, scaleless: bool = False
) -> Verdict:
    """Judge a property; what breaks it and may be left to the caller is allowed.

    ``text`` is the loss's source; with ``uneven`` its rows weigh as no contract has a name for,
    with ``scaleless`` it is of the directions of logits alone.
    """
    verdict = judged(name, divergence)
    if verdict.holds:
        return verdict
    if SPREAD_OUT in verdict.says:
        # a view that cannot be made is loud; everything else of the property is judged on tensors that have one
        again = judged(name, replace(divergence, loss=lambda given: divergence.loss(_dense(given))))
        return again if not again.holds else _allowed("it raises on tensors that are not contiguous", verdict)
    if OVERFLOWS.search(verdict.says):
        return _allowed("in float16 a loss near 60,000 overflows; give it float32 logits", verdict)
    if uneven and name in WEIGHED:
        return _allowed(f"its rows have weights of their own: {verdict.says}", verdict)
    ratio = RATIO.search(verdict.says) if name == "path_parity" and "70,001" in verdict.says else None
    if ratio and abs(float(ratio["ratio"]) - 1) <= EPSILON:
        return _allowed(f"an epsilon shows in a large vocabulary: {verdict.says}", verdict)
    if name == "distinguishes" and scaleless:
        return _allowed(f"it does not see the scale of logits: {verdict.says}", verdict)
    if UNDEFINED in verdict.says:
        return _allowed("its own formula has no value where a token is ruled out", verdict)
    if DROPPED.match(verdict.says):
        return _allowed(f"tokens that are ruled out are its own affair: {verdict.says}", verdict)
    if name == "derivative" and not divergence.known and HELD_BACK.search(text):
        return _allowed(f"part of it is detached or cut in its source: {verdict.says}", verdict)
    return verdict


def _allowed(why: str, verdict: Verdict) -> Verdict:
    return Verdict(True, why, verdict.numbers, standing=Standing.ALLOWED, example=verdict.example)


def _dense(given: Given) -> Given:
    labels: Tensor | None = None if given.labels is None else given.labels.contiguous()
    student, teacher = given.student_logits.contiguous(), given.teacher_logits.contiguous()
    return replace(given, student_logits=student, teacher_logits=teacher, labels=labels)
