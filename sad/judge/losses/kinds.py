"""Which kind of divergence a formula is for a contract, and what it becomes at the ends of beta."""

from __future__ import annotations

from sad.judge.losses.call import Call
from sad.judge.losses.families import EXCHANGED, GENERAL, RIGHT
from sad.judge.losses.refit import refit
from sad.judge.losses.sample import Fit, given, sample
from sad.judge.roles import Role
from sad.subjects.divergence import Kind

STRANGE = 1e-9
NOTHING = 1e-6
"""Of a value or a gradient: what float32 leaves of zero."""


def kind_of(call: Call, first: Fit, seed: int) -> tuple[Kind, bool, list[str]]:
    """The kind, whether its rows can be written down, and what the ends of beta are."""
    family = first.family
    if not family.beta:
        return family.kind, family in RIGHT, []
    if not call.betas() or call.form.beta == "":
        if family is GENERAL and abs(first.beta - 0.5) < STRANGE:
            return Kind.JSD, True, ["beta is 0.5 inside"]
        return Kind.OTHER, True, [f"beta is {first.beta:g} inside"]
    if family not in (GENERAL, EXCHANGED):
        return Kind.OTHER, family in RIGHT, []
    ends = [at_end(call, beta, seed) for beta in (0.0, 1.0)]
    told = f"at beta 0 it is {ends[0]}, at beta 1 {ends[1]}"
    if family is GENERAL and ends == ["zero", "zero"]:
        return Kind.OTHER, True, [f"{told}: the JSD itself, without the limits that some take there"]
    return (Kind.JSD if family is GENERAL else Kind.OTHER), True, [told]


def at_end(call: Call, beta: float, seed: int) -> str:
    """Say what a loss is at an end of beta: a known divergence, zero, or not finite."""
    labels = call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH)
    try:
        of = sample(call, given(seed, labels=labels, beta=beta))
    except Exception as error:
        return f"an error ({type(error).__name__})"
    if not bool(of.gradient.isfinite().all()) or of.value != of.value:
        return "not finite"
    if float(of.gradient.abs().max()) < NOTHING:
        return "zero" if abs(of.value) < NOTHING else "without a gradient"
    for family in RIGHT[:2]:
        if refit(of, Fit(family, beta, of.gradient[..., 0], of.gradient[..., 0], 0.0), call).good:
            return family.name
    return "another thing"
