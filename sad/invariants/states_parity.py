"""The path that begins at the hidden states gives the value and the gradients of the plain form, in every size.

## Property
From last hidden states and heads, value and gradients to states, weight and bias are those of all logits held at once
in float64: with 19 places, with 4,300 and with 9 over 70,001 tokens; with a bias, a logit scale, a soft-cap, a head
that is tied to the embedding, padding rows, another vocabulary, a temperature, a head in half precision, of either
model; with any of states, weight and bias frozen; for forward and reverse KL, JSD and both skewed ones, also at the
ends of a mixture; where the teacher is sure of what the student cannot say, which counts for nothing; against the
teacher's whole distribution and against its likeliest tokens with the rest as one; alone and with cross-entropy, where
some places have a label and no boundary.

## Why it must hold
Nobody holds the logits of two models at once: what trains works in blocks, and forms its gradient by hand. Everything
that the plain form takes from the model must be taken there again, and is forgotten there first.

## Tolerance
2e-5 of the value, and 1e-4 of each gradient's norm: measured 3e-6 and 2e-5 at the most. 4e-3 of a gradient that is
handed back in bfloat16, whose rounding is as much.

## What breaks it
A soft-cap, or its derivative, that only the model's own forward has; a block that is not added; the bias of the head;
temperature squared on the value; a fused loss that is another divergence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch

from sad.subjects.states import Kind, Slopes, States, StatesLoss, plain, slopes
from sad.verdict import Verdict

ID = "I07"
VALUE, GRADIENT, HALF = 2e-5, 1e-4, 4e-3
LEAVES = ("states", "weight", "bias")
WIDTH, TEACHER_WIDTH, PADDING = 6, 5, 3
FAR = 300.0
"""In nats: float32 has no probability so small."""
APART = 25.0
LONG, WIDE = (4_300, 101), (9, 70_001)
"""Places and tokens: more places than a block of any size that is in use has, and a row that fills a cache."""


def states_parity(loss: StatesLoss) -> Verdict:
    """Judge every case, the sizes last."""
    judged, worst = 0, 0.0
    for name, given in _cases():
        try:
            got, right = slopes(loss, given), plain(given)
        except Exception as error:
            return Verdict(False, f"{name}: it raises {type(error).__name__}: {error}")
        says, off = _fault(got, right, HALF if given.weight.dtype == torch.bfloat16 else GRADIENT)
        worst = max(worst, off)
        if says:
            return Verdict(False, f"{name}: {says}", {"judged": judged, "off": off})
        judged += 1
    says = f"{judged} ways from states to the loss give the plain value and gradients, within {worst:.0e}"
    return Verdict(True, says, {"judged": judged, "off": worst})


def _fault(got: Slopes, right: Slopes, of_weight: float) -> tuple[str, float]:
    apart = abs(got.value - right.value) / max(abs(right.value), 1e-3)
    if not apart <= VALUE:
        return f"value {got.value:.5g}, in the plain form {right.value:.5g}", apart
    worst = 0.0
    for name, mine, theirs in zip(LEAVES, got.gradients, right.gradients, strict=False):
        off = float((mine - theirs).norm() / theirs.norm().clamp_min(1e-12))
        # what is handed back in half precision is rounded to it
        allowed = GRADIENT if name == "states" else of_weight
        worst = max(worst, off if allowed == GRADIENT else 0.0)
        if not off <= allowed:
            return f"the gradient to the {name} is {off:.2g} of its norm off", off
    return "", worst


def _cases() -> Iterator[tuple[str, States]]:
    small = _states(19, 37)
    yield "as it is", small
    yield "with labels", replace(small, shares=(0.7, 0.3))
    yield "labels alone", replace(small, shares=(0.0, 1.0))
    both = replace(small, shares=(0.7, 0.3), temperature=2.0)
    yield "at temperature 2", both
    noise = torch.Generator().manual_seed(1)
    yield "a bias", replace(both, bias=torch.randn(len(small.weight), generator=noise))
    # less than float32 knows is left for the tokens
    filled = torch.where(torch.arange(len(small.weight)) < small.tokens, 0.0, FAR)
    yield "padding rows that have all the mass", replace(small, bias=filled, shares=(0.7, 0.3))
    bias = torch.randn(len(small.weight), generator=noise).bfloat16()
    biased = replace(both, bias=torch.randn(len(small.weight), generator=noise))
    asked = (True, False)
    for trained in product(asked, asked, asked):
        if any(trained):
            named = " and ".join(name for name, asks in zip(LEAVES, trained, strict=True) if asks)
            yield f"a gradient to {named} alone", replace(biased, trained=trained)
    yield "a head in half precision", replace(both, weight=small.weight.bfloat16(), bias=bias)
    yield "a logit scale", replace(both, scale=0.25)
    yield "a soft-cap", replace(both, softcap=2.0)
    yield "the likeliest tokens alone, with labels", replace(small, shares=(0.7, 0.3), top=4)
    whole = replace(both, teacher_bias=2 * torch.randn(len(small.teacher_weight), generator=noise))
    whole = replace(whole, teacher_scale=0.5, teacher_softcap=2.0)
    yield "a teacher's bias, scale and soft-cap", whole
    half = {name: getattr(whole, name).bfloat16() for name in ("teacher_hidden", "teacher_weight", "teacher_bias")}
    yield "the same, in half precision", replace(whole, **half)
    yield "a head tied to the embedding", replace(both, tied=small.labels.flip(0))
    # the first of the student's tokens is none of the teacher's
    index = torch.arange(44) % 37
    index[index == 0] = -1
    other = replace(both, teacher_weight=torch.randn(44, TEACHER_WIDTH, generator=noise), index=index)
    for kind in Kind:
        yield f"{kind}", replace(small, kind=kind, mix=0.3)
        yield f"{kind}, with labels at temperature 2", replace(both, kind=kind, mix=0.3)
        yield f"{kind}, the likeliest tokens", replace(both, kind=kind, mix=0.3, top=4)
        if kind != Kind.REVERSE:
            # a token that no token of the teacher maps to is infinitely far for that one
            yield f"{kind}, another vocabulary", replace(other, kind=kind, mix=0.3)
    for kind, mix in ((Kind.SKEW, 0.0), (Kind.SKEW_REVERSE, 0.0), (Kind.JSD, 0.0), (Kind.JSD, 1.0)):
        yield f"{kind} with a mixture of {mix:g}", replace(both, kind=kind, mix=mix)
        yield f"the same, {APART:g} times as far apart", replace(both, kind=kind, mix=mix, hidden=APART * both.hidden)
    yield "a teacher that says nothing in one place", _silent(other)
    for size in (WIDE, LONG):
        yield f"{size[0]:,} places over {size[1]:,} tokens", replace(_states(*size), shares=(0.7, 0.3), softcap=3.0)


def _silent(given: States) -> States:
    """At its first place the teacher is sure of a token that none of the student's stands for."""
    weight, hidden = given.teacher_weight.clone(), given.teacher_hidden.clone()
    hidden[0] = weight[0] * FAR / weight[0].norm() ** 2
    others = weight[1:] @ hidden[0]
    # the token stands alone: no other is within reach of it
    weight[1:] -= torch.outer(others, hidden[0] / hidden[0].norm() ** 2)
    return replace(given, teacher_weight=weight, teacher_hidden=hidden)


def _states(places: int, tokens: int) -> States:
    """Half of the places compared, in an order of their own; a head with padding rows."""
    noise = torch.Generator().manual_seed(places)
    at = torch.randperm(places, generator=noise)[: (places + 1) // 2]
    return States(
        hidden=torch.randn(places, WIDTH, generator=noise),
        weight=torch.randn(tokens + PADDING, WIDTH, generator=noise),
        teacher_hidden=torch.randn(len(at), TEACHER_WIDTH, generator=noise),
        teacher_weight=1.5 * torch.randn(tokens, TEACHER_WIDTH, generator=noise),
        labels=torch.randint(tokens, (places,), generator=noise),
        at=at,
        tokens=tokens,
    )
