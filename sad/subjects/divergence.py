"""A loss between a student's and a teacher's next-token distributions, as anyone may have written it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

IGNORED = -100
"""The label of a row that does not count."""


class Kind(StrEnum):
    """Which divergence it is, P the teacher, Q the student, at the temperature."""

    FORWARD_KL = "forward KL"
    """KL(P || Q)."""
    REVERSE_KL = "reverse KL"
    """KL(Q || P)."""
    JSD = "generalised JSD"
    """beta KL(P || M) + (1 - beta) KL(Q || M), M = beta P + (1 - beta) Q (Agarwal et al. 2023, arXiv 2306.13649);
    in the limits: forward KL at beta 0, reverse KL at beta 1.
    """
    OTHER = "other"
    """None that is known: only what holds of any divergence can be asked."""


class Reduction(StrEnum):
    """What the summed loss is divided by."""

    MEAN = "mean over the rows that count"
    COUNT = "sum over a given count"
    SUM = "sum"
    BATCH = "sum over the number of sequences"
    ROWS = "mean over all rows"
    """Rows that do not count add nothing, and are counted."""


class Squared(StrEnum):
    """Where the temperature squared went."""

    NOWHERE = "nowhere"
    GRADIENT = "on the gradient"
    BOTH = "on value and gradient"


class Takes(StrEnum):
    """What it can be given besides the two logits."""

    LABELS = "labels"
    TEMPERATURE = "temperature"
    BETA = "beta"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Contract:
    """What an implementation claims, or was found to do where that is one of several right things.

    ``entropy`` is False for a cross-entropy against the teacher: it lacks the teacher's entropy, so that its value is
    never zero and its gradient is the right one. ``shift`` is True where row i is judged by label i + 1, so that the
    last row of a sequence never counts. What it is not given (see ``takes``) is 1 for the temperature, 0.5 for beta.
    ``strict`` is True where it also claims what most leave open: that it takes logits of -inf (tokens that cannot
    come), keeps gradients from the teacher by itself, and is as exact in half precision as its inputs are.
    """

    kind: Kind = Kind.FORWARD_KL
    reduction: Reduction = Reduction.MEAN
    squared: Squared = Squared.NOWHERE
    entropy: bool = True
    shift: bool = False
    strict: bool = False
    takes: frozenset[Takes] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """One call. Where ``labels`` is -100 a row does not count; without labels every row does.

    ``count`` is the number of rows that count over the whole optimizer step, of which this call may be a part.
    """

    student_logits: Float[Tensor, "batch length vocab"]
    teacher_logits: Float[Tensor, "batch length vocab"]
    labels: Int[Tensor, "batch length"] | None = None
    temperature: float = 1.0
    beta: float = 0.5
    count: int | None = None


Documented = Callable[
    [Float[Tensor, "batch length vocab"], Float[Tensor, "batch length vocab"], Given], Float[Tensor, "batch length"]
]
"""The loss of every row, before any row is left out and before the temperature's square."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """An implementation: what it claims, and how to call it. ``loss`` returns a scalar with a gradient.

    ``documented`` stands for a formula of its own, where the kind is OTHER: student's and teacher's logits in float64
    and the call -> the loss of every row in nats, with a gradient to the first. Without one, OTHER has no reference.
    """

    contract: Contract
    loss: Callable[[Given], Float[Tensor, ""]]
    documented: Documented | None = None

    @property
    def known(self) -> bool:
        """Whether there is a reference to compare it with."""
        return self.contract.kind != Kind.OTHER or self.documented is not None

    def takes(self, what: Takes) -> bool:
        """Whether it can be given this."""
        return what in self.contract.takes


def narrowed(contract: Contract, given: Given) -> Given:
    """Return the call without what the implementation does not take: no labels, temperature 1, beta 0.5, no count."""
    takes = contract.takes
    return replace(
        given,
        labels=given.labels if Takes.LABELS in takes else None,
        temperature=given.temperature if Takes.TEMPERATURE in takes else 1.0,
        beta=given.beta if Takes.BETA in takes else 0.5,
        count=given.count if Takes.COUNT in takes else None,
    )


def counted(contract: Contract, given: Given) -> Bool[Tensor, "batch length"]:
    """Return which rows count: those whose own label, or with ``shift`` the next one, is not -100."""
    shape = given.student_logits.shape[:2]
    if given.labels is None:
        rows = torch.ones(shape, dtype=torch.bool, device=given.student_logits.device)
    else:
        rows = given.labels != IGNORED
    if contract.shift:
        rows = rows.roll(-1, dims=1)
        rows[:, -1:] = False
    return rows
