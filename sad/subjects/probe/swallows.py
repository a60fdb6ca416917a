"""Whether a loss hides what is not finite."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from sad.subjects.divergence import Divergence
from sad.subjects.probe.inputs import SHAPES, call
from sad.subjects.probe.measure import measure


def swallows(divergence: Divergence) -> bool:
    """Whether the value stays finite though a row that counts is NaN: then nobody sees the NaN of a gradient either.

    A loss that leaves rows without labels out of its sum, and shows any other NaN, leaves it to its caller that those
    rows are finite. One that turns NaN into a number has taken that upon itself.
    """
    given = call(divergence.contract, SHAPES[-1], every=True)
    teacher = given.teacher_logits.clone()
    # with a shift the last row never counts
    teacher[0, 0] = -torch.inf
    got = measure(divergence, replace(given, teacher_logits=teacher))
    if got.raised or not math.isfinite(got.value):
        return False
    # one that does not ask the teacher has nothing to hide
    other = measure(divergence, replace(given, teacher_logits=given.teacher_logits.flip(-1)))
    return other.value != measure(divergence, given).value
