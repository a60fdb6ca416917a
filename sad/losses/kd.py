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
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sad.batch import Sum
from sad.rows import Rows, Softmax, softmax, summed


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
    """A divergence and its temperature. Raises ValueError for a temperature or a mixture out of range."""

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
        """The kind, where at an end of the mixture it is one of the plain two."""
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
    student_logits: Float[Tensor, "n vocab"],
    target: Float[Tensor, "n vocab"] | Buckets,
    divergence: Divergence,
    soft: Softmax | None = None,
    silent: Bool[Tensor, "n 1"] | None = None,
) -> Rows:
    """Return each row's divergence in nats, and its gradient to the student's logits, temperature squared included.

    float32 in and out; the target may be overwritten. ``target`` are the teacher's log-probabilities, already softened:
    they need not be normalised, and are -inf where it gives no mass. ``soft`` is the softmax of the logits over the
    temperature, where that is known. In a ``silent`` row the teacher has no mass: value and gradient are 0, as they are
    where buckets have none. A probability of 0 contributes 0, even times an infinity; a NaN stays a NaN.
    """
    temperature = divergence.temperature
    if temperature != 1.0:
        student_logits = student_logits / temperature
    soft = soft or softmax(student_logits)
    if isinstance(target, Buckets):
        found = _bucket_rows(student_logits, soft, target, divergence)
    else:
        found = _heard(student_logits, soft, target, divergence, silent)
    # 1 / temperature of the derivative, times temperature squared
    return found if temperature == 1.0 else Rows(found.values, found.gradient.mul_(temperature))


def forward_kl(
    student_logits: Float[Tensor, "boundary vocab"],
    teacher_log_probs: Float[Tensor, "boundary vocab"],
    temperature: float = 1.0,
) -> Sum:
    """Return the sum over boundaries of KL(teacher || student), in nats, at ``temperature``.

    ``teacher_log_probs`` are already softened by the same temperature, and may be -inf where the teacher gives no mass;
    a row of nothing but that gives 0. The teacher gets no gradient.
    """
    logits, log_p = (x.detach().float().clone() for x in (student_logits, teacher_log_probs))
    found = rows(logits, log_p, Divergence(temperature=temperature), silent=silence(log_p))
    return Sum(summed(student_logits, found), len(student_logits))


def silence(log_probs: Float[Tensor, "n vocab"]) -> Bool[Tensor, "n 1"] | None:
    """Return which rows have no mass at all, as where no token of the teacher is mapped; None where no row is."""
    silent = log_probs.amax(dim=-1, keepdim=True) == -torch.inf
    return silent if _some(silent) else None


FAR = 60.0
"""A log-ratio beyond which one of the two adds nothing to their mixture in float32."""
NEVER = -1e30
"""Stands for -inf: unlike that, it gives 0 times a probability of 0."""


def _heard(logits: Tensor, soft: Softmax, target: Tensor, divergence: Divergence, silent: Tensor | None) -> Rows:
    if silent is None:
        return _rows(logits, soft, target, divergence)
    found = _rows(logits, soft, target.masked_fill_(silent, 0.0), divergence)
    return Rows(found.values.masked_fill(silent[:, 0], 0.0), found.gradient.masked_fill_(silent, 0.0))


def _rows(logits: Tensor, soft: Softmax, target: Tensor, divergence: Divergence) -> Rows:
    theirs = softmax(target)
    kind = divergence.plain
    if kind == Kind.FORWARD_KL:
        return _forward(logits, soft, target, theirs)
    if kind == Kind.REVERSE_KL:
        return _reverse(logits, soft, target, theirs)
    return _mixed(logits, soft, target, theirs, divergence)


def _some(mask: Bool[Tensor, "*n"]) -> bool:
    """Whether any is true; on a GPU, where the host must not wait for the answer, always."""
    return mask.device.type != "cpu" or bool(mask.any())


def _forward(logits: Tensor, soft: Softmax, target: Tensor, theirs: Softmax) -> Rows:
    p = theirs.q
    each = target.sub_(logits).clamp_(min=NEVER).mul_(p)
    values = _summed(each, p, soft.log_sum - theirs.log_sum)
    return Rows(values, torch.sub(soft.q, p, out=p))


def _reverse(logits: Tensor, soft: Softmax, target: Tensor, theirs: Softmax) -> Rows:
    q = soft.q
    each = torch.sub(logits, target, out=target).clamp_(min=NEVER).mul_(q)
    values = _summed(each, q, theirs.log_sum - soft.log_sum)
    # log(q / p) up to a constant, which the softmax's derivative removes
    return Rows(values, each.addcmul_(q, each.sum(dim=-1, keepdim=True), value=-1.0))


def _summed(each: Tensor, weights: Tensor, constant: Tensor) -> Tensor:
    """The sum of each row; an entry of weight 0 adds nothing, even if it is infinite."""
    values = each.sum(dim=-1)
    if _some(values.isnan()):
        values = each.masked_fill_(weights == 0, 0.0).sum(dim=-1)
    return values.add_(constant[:, 0])


def _mixed(logits: Tensor, soft: Softmax, target: Tensor, theirs: Softmax, divergence: Divergence) -> Rows:
    p, q, mix = theirs.q, soft.q, divergence.mix
    constant = theirs.log_sum - soft.log_sum
    # log(p / q), finite where one of the two or both are nothing; a row with a NaN is NaN again
    ratio = target.sub_(logits).sub_(constant).nan_to_num_(nan=0.0).clamp_(-FAR, FAR).add_(0.0 * constant)
    share = 1 - mix if divergence.kind == Kind.SKEW_REVERSE_KL else mix
    # log(m / q), m = share p + (1 - share) q
    over = ratio.expm1().mul_(share).log1p_()
    if divergence.kind == Kind.SKEW_REVERSE_KL:
        values, slope = -(q * over).sum(dim=-1), over.neg() - mix * over.neg().exp_()
    else:
        beyond = ratio.sub_(over)
        values = (p * beyond).sum(dim=-1)
        if divergence.kind == Kind.SKEW_KL:
            slope = beyond.exp_().mul_(mix - 1)
        else:
            values, slope = mix * values - (1 - mix) * (q * over).sum(dim=-1), over.mul_(mix - 1)
    weighted = slope.mul_(q)
    # from the gradient to the probabilities to the one to their logits
    return Rows(values, weighted.addcmul_(q, weighted.sum(dim=-1, keepdim=True), value=-1.0))


def bucket_slopes(logits: Float[Tensor, "n buckets"], soft: Softmax, target: Buckets, divergence: Divergence) -> Rows:
    """Return each row's divergence between the buckets of both, and its gradient to the softened ``logits`` of these.

    The last bucket's logit is the log-sum of all tokens that are not in the list; ``soft`` is the softmax of all.
    """
    theirs = torch.cat([target.log_probs, target.tail[:, None]], dim=-1)
    return _heard(logits, soft, theirs, divergence, silence(theirs))


def _bucket_rows(logits: Tensor, soft: Softmax, target: Buckets, divergence: Divergence) -> Rows:
    """The divergence between the same buckets of both; a bucket's gradient goes to its tokens by their mass."""
    listed = soft.q.gather(-1, target.ids)
    rest = soft.q.scatter(-1, target.ids, 0.0)
    others = rest.sum(dim=-1, keepdim=True)
    both = torch.cat([logits.gather(-1, target.ids), soft.log_sum + others.log()], dim=-1)
    own = Softmax(torch.cat([listed, others], dim=-1), soft.log_sum)
    values, slopes = bucket_slopes(both, own, target, divergence)
    share = torch.where(others == 0, 0.0, slopes[:, -1:] / others)
    return Rows(values, rest.mul_(share).scatter_(-1, target.ids, slopes[:, :-1]))
