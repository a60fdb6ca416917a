"""Every term that is enabled is there, teaches the student, and tells unrelated models from equal ones.

## Property
For two models with sharp attention, on texts of unequal length: every enabled term between them is present and finite
and gives the student a gradient that is not zero. Its value for an unrelated student is above its value for a student
that equals the teacher by at least 1% of ln V, V the vocabulary. Models come as a loader gives them, with fused
attention.

## Why it must hold
A term that is silently absent, or that hears no difference, is believed to be part of the objective: its weight is
tuned, its curve is flat and small, and is taken for a success.

## Tolerance
ln V is the language-model loss of a student that knows nothing, beside which the term stands. One percent of it, 0.058
for the 320 tokens here, is what nobody would see. The least of eight
right terms was found at 0.15.

## What breaks it
`output_attentions=True` under fused attention, which returns an empty tuple and a line in the log; a sum over a `zip`
with that tuple; a softmax of what already is a probability; targets divided by a temperature that was made for logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from sad import tiny
from sad.batch import Tokens
from sad.verdict import Verdict

ID = "I15"

VOCABULARY = 320
LEAST = 0.01
SHARP = 20.0
"""Multiplies queries and keys: a random model attends to everything alike, and all maps would look alike."""


class Comparison(Protocol):
    """Terms between the inner states of two models of one shape and one tokenizer."""

    @property
    def enabled(self) -> Sequence[str]:
        """The names of the terms that the configuration asks for."""

    def values(self, student: nn.Module, teacher: nn.Module, tokens: Tokens) -> Mapping[str, Tensor]:
        """Return the value of each term, a scalar: a mean per position or attention row, in nats or variances."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A term's value for equal and for unrelated models, and the norm of the student's gradient in the second case."""

    equal: float
    unrelated: float
    gradient: float


def present_and_sensitive(comparison: Comparison) -> Verdict:
    """Judge every enabled term on equal and on unrelated models."""
    heard = {name: _heard(comparison, name) for name in comparison.enabled}
    least = LEAST * math.log(VOCABULARY)
    for name, found in heard.items():
        if found is None:
            return Verdict(False, f"{name} is enabled and absent")
        numbers = {"equal": found.equal, "unrelated": found.unrelated, "gradient": found.gradient}
        if not (math.isfinite(found.equal) and math.isfinite(found.unrelated)):
            return Verdict(
                False, f"{name} is {found.unrelated:g} for unrelated models, {found.equal:g} for equal", numbers
            )
        if not found.gradient > 0:
            return Verdict(False, f"{name} gives the student no gradient (its norm is {found.gradient:g})", numbers)
        if not found.unrelated - found.equal >= least:
            says = f"{name} is {found.unrelated:.2g} for unrelated models, {found.equal:.2g} for equal ones"
            return Verdict(False, says, numbers)
    said = [f"{n} {f.unrelated:.2g} unrelated, {f.equal:.2g} equal" for n, f in heard.items() if f is not None]
    return Verdict(bool(said), "; ".join(said) or "no term is enabled", {"terms": len(said)})


def _heard(comparison: Comparison, name: str) -> _Heard | None:
    equal = comparison.values(_model(1), _model(1), _tokens()).get(name)
    student = _model(2)
    unrelated = comparison.values(student, _model(1), _tokens()).get(name)
    if equal is None or unrelated is None:
        return None
    gradient = 0.0
    if unrelated.requires_grad:
        parameters = [p for p in student.parameters() if p.requires_grad]
        found = torch.autograd.grad(unrelated, parameters, allow_unused=True)
        gradient = float(torch.stack([g.norm() for g in found if g is not None] or [torch.zeros(())]).norm())
    return _Heard(float(equal.detach()), float(unrelated.detach()), gradient)


def _model(seed: int) -> nn.Module:
    """A model whose attention looks at few places."""
    made = tiny.model(tiny.reader(VOCABULARY).size, layers=2, width=16, seed=seed, sharpness=8.0)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "q_proj" in name or "k_proj" in name:
                weight.mul_(SHARP)
    return made.eval()


def _tokens() -> Tokens:
    """Three texts of unequal lengths."""
    ids = torch.randint(2, VOCABULARY, (3, 24), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(24) < torch.tensor([24, 17, 9])[:, None]).long()
    return Tokens(ids * mask + (1 - mask), mask)
