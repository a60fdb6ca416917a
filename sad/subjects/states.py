"""A loss between two models that begins at their last hidden states: the heads, and all that fast paths leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor

NOTHING = 1e-40
"""Mass of the student's tokens below which a teacher says nothing."""


class Kind(StrEnum):
    """A divergence, P the teacher and Q the student; the last three mix them by ``States.mix``."""

    FORWARD = "forward_kl"
    REVERSE = "reverse_kl"
    JSD = "jsd"
    SKEW = "skew_kl"
    SKEW_REVERSE = "skew_reverse_kl"


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """One call. ``logits = cap * tanh(scale * (hidden weight^T + bias) / cap)``, of the teacher likewise.

    Rows of ``weight`` beyond ``tokens`` are padding: labels are judged over every row, a divergence over the tokens.
    ``index`` sends each of the teacher's tokens to one of the student's, or to -1; without it both have the same. Where
    the student's get nothing, the place counts for nothing.
    ``at`` are the places that are compared with the teacher's rows, in that order; every place has a label.
    With ``top`` the teacher gives its likeliest tokens, and the mass of all others as one.
    With ``tied`` the states are made with the rows of ``weight`` of these tokens, and the gradient goes there too.
    """

    hidden: Float[Tensor, "place width"]
    weight: Float[Tensor, "rows width"]
    teacher_hidden: Float[Tensor, "compared teacher_width"]
    teacher_weight: Float[Tensor, "teacher_tokens teacher_width"]
    labels: Int[Tensor, " place"]
    at: Int[Tensor, " compared"]
    tokens: int
    index: Int[Tensor, " teacher_tokens"] | None = None
    bias: Float[Tensor, " rows"] | None = None
    scale: float = 1.0
    softcap: float | None = None
    kind: Kind = Kind.FORWARD
    temperature: float = 1.0
    mix: float = 0.5
    top: int | None = None
    tied: Int[Tensor, " place"] | None = None
    teacher_bias: Float[Tensor, " teacher_tokens"] | None = None
    teacher_scale: float = 1.0
    teacher_softcap: float | None = None
    shares: tuple[float, float] = (1.0, 0.0)
    """What divergence and cross-entropy are multiplied by."""
    trained: tuple[bool, bool, bool] = (True, True, True)
    """Which of states, weight and bias ask for a gradient."""


StatesLoss = Callable[[States], Float[Tensor, ""]]
"""The summed divergence, temperature squared on its gradient alone, and cross-entropy, each at its share, in nats;
with a gradient to the states, the weight and the bias.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """What a call gave: its value, and its gradients to states, weight and, where there is one, bias, in float64; zero
    to what asks for none.
    """

    value: float
    gradients: tuple[Tensor, ...]


def slopes(loss: StatesLoss, given: States) -> Slopes:
    """Call a loss and send it back."""
    every = zip((given.hidden, given.weight, given.bias), given.trained, strict=True)
    leaves = [x.detach().clone().requires_grad_(asks) for x, asks in every if x is not None]
    hidden, weight, *bias = leaves
    made = hidden if given.tied is None else hidden + weight[given.tied]
    total = loss(replace(given, hidden=made, weight=weight, bias=bias[0] if bias else None))
    total.backward()  # type: ignore[no-untyped-call]
    found = [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]
    return Slopes(float(total.detach()), tuple(each.double() for each in found))


def plain(given: States) -> Slopes:
    """Return what a call should give: every logit at once in float64, by the formulas, by autograd."""

    def wide(x: Tensor | None) -> Tensor | None:
        return x.double() if x is not None and x.is_floating_point() else x

    changed = {name: wide(getattr(given, name)) for name in ("hidden", "weight", "bias")}
    return slopes(_plain, replace(given, **changed))  # type: ignore[arg-type]


def teacher_probabilities(given: States) -> Float[Tensor, "compared tokens"]:
    """The teacher's distribution over the student's tokens at the temperature, in float64."""
    onto = teacher_mass(given)
    mass = onto.sum(dim=-1, keepdim=True)
    return torch.where(mass > NOTHING, onto / mass, 0.0)


def teacher_mass(given: States) -> Float[Tensor, "compared tokens"]:
    """What of the teacher's mass the student's tokens get: less than 1 where some of its tokens go nowhere."""
    logits = given.teacher_hidden.double() @ given.teacher_weight.double().T
    if given.teacher_bias is not None:
        logits = logits + given.teacher_bias.double()
    logits = _finished(logits, given.teacher_scale, given.teacher_softcap)
    p = torch.softmax(logits / given.temperature, dim=-1)
    if given.index is None:
        return p
    onto = torch.zeros(len(p), given.tokens, dtype=p.dtype)
    kept = given.index >= 0
    return onto.index_add_(1, given.index[kept], p[:, kept])


def student_logits(given: States) -> Float[Tensor, "place rows"]:
    """The student's logits, in the type of what is given."""
    return _finished(
        given.hidden @ given.weight.T + (0.0 if given.bias is None else given.bias), given.scale, given.softcap
    )


def _finished(products: Tensor, scale: float, softcap: float | None) -> Tensor:
    logits = scale * products
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def _plain(given: States) -> Tensor:
    logits = student_logits(given)
    labels = torch.nn.functional.cross_entropy(logits, given.labels, reduction="sum")
    p = teacher_probabilities(given)
    q = torch.softmax(logits[given.at, : given.tokens] / given.temperature, dim=-1)
    if given.top is not None:
        ids = p.topk(given.top, dim=-1).indices
        p, q = (torch.cat([x.gather(-1, ids), x.scatter(-1, ids, 0.0).sum(-1, keepdim=True)], dim=-1) for x in (p, q))
    value = divergence(given.kind, p, q, given.mix)
    factor = given.temperature**2
    # the factor is on the gradient alone
    summed = value.detach() + factor * (value - value.detach())
    return given.shares[0] * summed + given.shares[1] * labels


def divergence(
    kind: Kind, p: Float[Tensor, "place tokens"], q: Float[Tensor, "place tokens"], mix: float
) -> Float[Tensor, ""]:
    """Return a divergence between distributions by its definition, summed over places."""

    def kl(a: Tensor, b: Tensor) -> Tensor:
        # where a is 0 nothing is added, and no infinity has a gradient
        safe = torch.where(a > 0, a, 1.0)
        return torch.where(a > 0, a * (safe.log() - torch.where(a > 0, b, 1.0).log()), 0.0).sum()

    # at its ends JSD is what it tends to, not the 0 of its formula (Agarwal et al. 2023, arXiv 2306.13649)
    if kind == Kind.FORWARD or (kind == Kind.JSD and mix == 0):
        return kl(p, q)
    if kind == Kind.REVERSE or (kind == Kind.JSD and mix == 1):
        return kl(q, p)
    if kind == Kind.JSD:
        between = mix * p + (1 - mix) * q
        return mix * kl(p, between) + (1 - mix) * kl(q, between)
    return kl(p, mix * p + (1 - mix) * q) if kind == Kind.SKEW else kl(q, mix * q + (1 - mix) * p)
