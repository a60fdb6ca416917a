"""Knowledge distillation: how far the student's next-token distribution is from the teacher's, row by row.

P is the teacher's distribution and Q the student's, both softened by the temperature. The value is the plain
divergence; its gradient is multiplied by temperature squared, which keeps it of one size for every temperature
(Hinton et al. 2015, arXiv 1503.02531, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Sum
from sad.rows import Rows, summed


class Kind(StrEnum):
    """Which divergence. The last three mix P and Q by ``Divergence.mix``."""

    FORWARD_KL = "forward_kl"
    """KL(P || Q)."""
    REVERSE_KL = "reverse_kl"
    """KL(Q || P)."""
    JSD = "jsd"
    """mix KL(P || M) + (1 - mix) KL(Q || M), M = mix P + (1 - mix) Q (Agarwal et al. 2023, arXiv 2306.13649); in the
    limits forward KL at mix 0, reverse KL at mix 1.
    """
    SKEW_KL = "skew_kl"
    """KL(P || mix P + (1 - mix) Q) (Ko et al. 2024, arXiv 2402.03898)."""
    SKEW_REVERSE_KL = "skew_reverse_kl"
    """KL(Q || mix Q + (1 - mix) P) (the same)."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A divergence and its temperature. Raises ValueError for a temperature or a mixture that is none."""

    kind: Kind = Kind.FORWARD_KL
    temperature: float = 1.0
    mix: float = 0.5

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"the temperature must be positive; it is {self.temperature}")
        if not 0 <= self.mix <= 1 or (self.mix == 1 and self.kind in (Kind.SKEW_KL, Kind.SKEW_REVERSE_KL)):
            raise ValueError(f"{self.kind}: the mixture must lie between 0 and 1; it is {self.mix}")

    @property
    def plain(self) -> Kind:
        """The kind that it is at the ends of the mixture."""
        if self.kind == Kind.JSD and self.mix in (0, 1):
            return Kind.REVERSE_KL if self.mix else Kind.FORWARD_KL
        if self.kind in (Kind.SKEW_KL, Kind.SKEW_REVERSE_KL) and self.mix == 0:
            return Kind.FORWARD_KL if self.kind == Kind.SKEW_KL else Kind.REVERSE_KL
        return self.kind


class Buckets(NamedTuple):
    """The teacher's likeliest tokens ``ids``, their log-probabilities, and the log of the mass of all others.

    At the temperature of the divergence, normalised together. The others are one bucket, so that the student cannot
    lower a divergence by moving mass out of the list.
    """

    ids: Int[Tensor, "n k"]
    log_probs: Float[Tensor, "n k"]
    tail: Float[Tensor, " n"]


def rows(
    student_logits: Float[Tensor, "n vocab"], target: Float[Tensor, "n vocab"] | Buckets, divergence: Divergence
) -> Rows:
    """Return each row's divergence in nats, and its gradient to the student's logits, temperature squared included.

    float32 in and out; the gradient may overwrite the logits. ``target`` are normalised log-probabilities, already
    softened, -inf where the teacher gives no mass. Where a probability is 0 its product is 0, also against an
    infinity; a NaN stays one, and is seen.
    """
    if isinstance(target, Buckets):
        return _bucket_rows(student_logits, target, divergence)
    log_q = torch.log_softmax(student_logits / divergence.temperature, dim=-1)
    values, slopes = _KINDS[divergence.plain](log_q, target, divergence.mix)
    # 1 / temperature of the derivative, times temperature squared
    return Rows(values, slopes * divergence.temperature)


def forward_kl(
    student_logits: Float[Tensor, "boundary vocab"],
    teacher_log_probs: Float[Tensor, "boundary vocab"],
    temperature: float = 1.0,
) -> Sum:
    """Return the sum over boundaries of KL(teacher || student), in nats, at ``temperature``.

    ``teacher_log_probs`` are normalised, already softened by the same temperature, and may be -inf where
    the teacher gives no mass. The teacher gets no gradient.
    """
    logits, log_p = student_logits.detach().float().clone(), teacher_log_probs.detach().float()
    found = rows(logits, log_p, Divergence(temperature=temperature))
    return Sum(summed(student_logits, found), int(student_logits.shape[0]))


def _mean(weights: Tensor, of: Tensor) -> Tensor:
    """The mean of ``of`` under ``weights``, where a token without weight adds nothing, whatever it has."""
    return torch.where(weights == 0, 0.0, weights * of).sum(dim=-1)


def _through_softmax(q: Tensor, slope: Tensor) -> Tensor:
    """From the gradient to the probabilities q to the one to their logits: q (g - sum of q g)."""
    weighted = torch.where(q == 0, 0.0, q * slope)
    return weighted - q * weighted.sum(dim=-1, keepdim=True)


def _forward(log_q: Tensor, log_p: Tensor, _mix: float) -> tuple[Tensor, Tensor]:
    p = log_p.exp()
    # the mass is 1, or 0 where nothing of the teacher is mapped
    return _mean(p, log_p - log_q), log_q.exp() * p.sum(dim=-1, keepdim=True) - p


def _reverse(log_q: Tensor, log_p: Tensor, _mix: float) -> tuple[Tensor, Tensor]:
    q = log_q.exp()
    return _mean(q, log_q - log_p), _through_softmax(q, log_q - log_p)


def _jsd(log_q: Tensor, log_p: Tensor, mix: float) -> tuple[Tensor, Tensor]:
    p, q, above = log_p.exp(), log_q.exp(), _ratio(log_p, log_q)
    over_q = torch.log1p(mix * torch.expm1(above))
    values = mix * _mean(p, above - over_q) - (1 - mix) * _mean(q, over_q)
    return values, _through_softmax(q, (mix - 1) * over_q)


def _skew(log_q: Tensor, log_p: Tensor, mix: float) -> tuple[Tensor, Tensor]:
    p, q, above = log_p.exp(), log_q.exp(), _ratio(log_p, log_q)
    over_q = torch.log1p(mix * torch.expm1(above))
    return _mean(p, above - over_q), _through_softmax(q, (mix - 1) * (above - over_q).exp())


def _skew_reverse(log_q: Tensor, log_p: Tensor, mix: float) -> tuple[Tensor, Tensor]:
    q, above = log_q.exp(), _ratio(log_p, log_q)
    over_q = torch.log1p((1 - mix) * torch.expm1(above))
    return -_mean(q, over_q), _through_softmax(q, -over_q - mix * (-over_q).exp())


FAR = 60.0
"""A log-ratio beyond which one of the two adds nothing to their mixture in float32."""


def _ratio(log_p: Tensor, log_q: Tensor) -> Tensor:
    """log(p / q), finite: where it is not, one of the two is nothing, and a NaN is still in the other factor."""
    return torch.nan_to_num(log_p - log_q, nan=0.0).clamp(-FAR, FAR)


_KINDS = {
    Kind.FORWARD_KL: _forward,
    Kind.REVERSE_KL: _reverse,
    Kind.JSD: _jsd,
    Kind.SKEW_KL: _skew,
    Kind.SKEW_REVERSE_KL: _skew_reverse,
}


def _bucket_rows(logits: Tensor, target: Buckets, divergence: Divergence) -> Rows:
    """The divergence between the same buckets of both, each token of the last one moved in proportion."""
    q = torch.softmax(logits / divergence.temperature, dim=-1)
    log_q = torch.log_softmax(logits / divergence.temperature, dim=-1)
    rest = q.scatter(-1, target.ids, 0.0)
    others = rest.sum(dim=-1, keepdim=True)
    buckets = torch.cat([log_q.gather(-1, target.ids), others.log()], dim=-1)
    values, slopes = _KINDS[divergence.plain](
        buckets, torch.cat([target.log_probs, target.tail[:, None]], dim=-1), divergence.mix
    )
    # a bucket's gradient is shared by its tokens in proportion to their mass
    share = torch.where(others == 0, 0.0, slopes[:, -1:] / others)
    gradient = (rest * share).scatter(-1, target.ids, slopes[:, :-1])
    return Rows(values, gradient * divergence.temperature)
