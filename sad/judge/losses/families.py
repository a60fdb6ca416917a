"""The divergences that are known, each as the loss of every row in float64: right ones, and the usual wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sad.subjects.divergence import Kind

Rows = Float[Tensor, "batch length"]
Formula = Callable[[Tensor, Tensor, float], Rows]
"""Student's and teacher's logits divided by the temperature, [batch, length, vocab], and beta -> the loss of a row."""


@dataclass(frozen=True, slots=True)
class Family:
    """A formula with its name. ``fault`` says what is wrong with it; '' for a right one."""

    name: str
    formula: Formula
    kind: Kind = Kind.OTHER
    beta: bool = False
    fault: str = ""
    plain: bool = False
    """It is of the numbers as they are, not of distributions in nats: neither a temperature nor a mean over the
    vocabulary is wrong for it.
    """


def kl(high: Tensor, low: Tensor) -> Rows:
    """KL(high || low) of log-probabilities; a token without mass adds nothing."""
    # infinities are taken out before they are subtracted: where alone would leave NaN in the gradient
    some = high.exp() > 0
    return (high.exp() * (high.where(some, 0.0) - low.where(some, 0.0))).sum(dim=-1)


def mixed(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """The log of weight * first + (1 - weight) * second, of log-probabilities."""
    both = weight * first.exp() + (1 - weight) * second.exp()
    return torch.where(both > 0, both.where(both > 0, 1.0).log(), -torch.inf)


def _logs(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return torch.log_softmax(student, dim=-1), torch.log_softmax(teacher, dim=-1)


def forward_kl(student: Tensor, teacher: Tensor, _: float = 0.5) -> Rows:
    """KL(P || Q), P the teacher."""
    log_q, log_p = _logs(student, teacher)
    return kl(log_p, log_q)


def reverse_kl(student: Tensor, teacher: Tensor, _: float = 0.5) -> Rows:
    """KL(Q || P)."""
    log_q, log_p = _logs(student, teacher)
    return kl(log_q, log_p)


def jsd(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    """beta KL(P || M) + (1 - beta) KL(Q || M), M = beta P + (1 - beta) Q (arXiv 2306.13649); no limits are taken."""
    log_q, log_p = _logs(student, teacher)
    m = mixed(log_p, log_q, beta)
    return beta * kl(log_p, m) + (1 - beta) * kl(log_q, m)


def _crossed(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    m = mixed(log_q, log_p, beta)
    return beta * kl(log_p, m) + (1 - beta) * kl(log_q, m)


def _unweighted(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    m = mixed(log_p, log_q, beta)
    return kl(log_p, m) + kl(log_q, m)


def _half_weighted(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    m = mixed(log_p, log_q, beta)
    return beta * kl(log_p, m) + kl(log_q, m)


def _symmetric(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    return beta * forward_kl(student, teacher) + (1 - beta) * reverse_kl(student, teacher)


def _skewed(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    return kl(log_p, mixed(log_p, log_q, beta))


def _skewed_reverse(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    return kl(log_q, mixed(log_q, log_p, beta))


def _wrong_sides(student: Tensor, teacher: Tensor, beta: float) -> Rows:
    """Each KL from the mixture to a side instead of from the side to the mixture."""
    log_q, log_p = _logs(student, teacher)
    m = mixed(log_p, log_q, beta)
    return beta * kl(m, log_p) + (1 - beta) * kl(m, log_q)


def _exchanged(formula: Formula) -> Formula:
    return lambda student, teacher, beta: formula(student, teacher, 1 - beta)


def _on_probabilities(*, student_too: bool) -> Formula:
    def formula(student: Tensor, teacher: Tensor, _: float) -> Rows:
        own = torch.softmax(student, dim=-1) if student_too else student
        return forward_kl(own, torch.softmax(teacher, dim=-1))

    return formula


def _total_variation(student: Tensor, teacher: Tensor, _: float) -> Rows:
    return 0.5 * (torch.softmax(student, dim=-1) - torch.softmax(teacher, dim=-1)).abs().sum(dim=-1)


def _cosine(student: Tensor, teacher: Tensor, _: float) -> Rows:
    return 1 - torch.cosine_similarity(student, teacher, dim=-1)


def _probs_as_logs(student: Tensor, teacher: Tensor, _: float) -> Rows:
    q, log_p = torch.softmax(student, dim=-1), torch.log_softmax(teacher, dim=-1)
    return (log_p.exp() * (log_p - q)).sum(dim=-1)


def _log_target(student: Tensor, teacher: Tensor, _: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    return (log_p.exp().exp() * (log_p.exp() - log_q)).sum(dim=-1)


def _reverse_cross_entropy(student: Tensor, teacher: Tensor, _: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    return -(log_q.exp() * log_p).sum(dim=-1)


def _squared(student: Tensor, teacher: Tensor, _: float) -> Rows:
    return (student - teacher).pow(2).sum(dim=-1)


def _squared_probs(student: Tensor, teacher: Tensor, _: float) -> Rows:
    return (torch.softmax(student, dim=-1) - torch.softmax(teacher, dim=-1)).pow(2).sum(dim=-1)


def _squared_logs(student: Tensor, teacher: Tensor, _: float) -> Rows:
    log_q, log_p = _logs(student, teacher)
    return (log_q - log_p).pow(2).sum(dim=-1)


COSINE = "1 - cosine of the logits"
FORWARD = Family("forward KL", forward_kl, Kind.FORWARD_KL)
REVERSE = Family("reverse KL", reverse_kl, Kind.REVERSE_KL)
BOTH_WAYS = Family("beta forward KL + (1 - beta) reverse KL", _symmetric, beta=True)
GENERAL = Family("generalised JSD", jsd, Kind.JSD, beta=True)
EXCHANGED = Family("generalised JSD, beta on the student", _exchanged(jsd), beta=True)
RIGHT = (
    FORWARD,
    REVERSE,
    GENERAL,
    EXCHANGED,
    BOTH_WAYS,
    Family("(1 - beta) forward KL + beta reverse KL", _exchanged(_symmetric), beta=True),
    Family("skewed forward KL, KL(P || beta P + (1 - beta) Q)", _skewed, beta=True),
    Family("skewed forward KL, KL(P || (1 - beta) P + beta Q)", _exchanged(_skewed), beta=True),
    Family("skewed reverse KL, KL(Q || beta Q + (1 - beta) P)", _skewed_reverse, beta=True),
    Family("skewed reverse KL, KL(Q || (1 - beta) Q + beta P)", _exchanged(_skewed_reverse), beta=True),
    Family("the two KLs to the mixture, unweighted", _unweighted, beta=True),
    Family("total variation distance", _total_variation),
    Family("squared error", _squared, plain=True),
    Family("squared error of the probabilities", _squared_probs, plain=True),
    Family("squared error of the log-probabilities", _squared_logs, plain=True),
    Family(COSINE, _cosine, plain=True),
)
WRONG = (
    Family(
        "JSD with its mixture the other way round",
        _crossed,
        beta=True,
        fault="the mixture weighs the teacher by 1 - beta, its KL by beta: beta is exchanged on one side",
    ),
    Family(
        "JSD with its weights the other way round",
        _exchanged(_crossed),
        beta=True,
        fault="the mixture weighs the teacher by beta, its KL by 1 - beta: beta is exchanged on one side",
    ),
    Family(
        "JSD whose KL of the student is not weighted",
        _half_weighted,
        beta=True,
        fault="KL(P || M) is weighted by beta, KL(Q || M) by 1: the second weight is missing",
    ),
    Family(
        "JSD whose KL of the teacher is not weighted",
        _exchanged(lambda student, teacher, beta: _half_weighted(teacher, student, beta)),
        beta=True,
        fault="KL(Q || M) is weighted by 1 - beta, KL(P || M) by 1: the first weight is missing",
    ),
    Family(
        "KLs from the mixture to each side",
        _wrong_sides,
        beta=True,
        fault="KL(M || P) and KL(M || Q) where a JSD has KL(P || M) and KL(Q || M): arguments are swapped",
    ),
    Family(
        "KL whose teacher went through softmax twice",
        _on_probabilities(student_too=False),
        fault="softmax of the teacher's probabilities: its target is nearly uniform",
    ),
    Family(
        "KL of softmaxed probabilities on both sides",
        _on_probabilities(student_too=True),
        fault="softmax of probabilities on both sides: nearly uniform distributions are compared",
    ),
    Family(
        "kl_div with the student's probabilities",
        _probs_as_logs,
        fault="F.kl_div is given the student's probabilities where it takes log-probabilities",
    ),
    Family(
        "kl_div with log_target on probabilities",
        _log_target,
        fault="F.kl_div is told log_target=True and given probabilities",
    ),
    Family(
        "reverse cross-entropy",
        _reverse_cross_entropy,
        fault="-sum q log p lacks the student's entropy: it is least where the student puts all mass on one token",
    ),
)
EVERY = (*RIGHT, *WRONG)
