import pytest
import torch
import torch.nn.functional as F

from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation
from sad.subjects.divergence import Contract, Divergence, Kind, Reduction, Squared, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

TAKES = frozenset({Takes.LABELS, Takes.TEMPERATURE})
NATS = Contract(squared=Squared.GRADIENT, takes=TAKES)


def scale_gradient(value, factor):
    """The value, with its gradient times a factor."""
    return value.detach() + factor * (value - value.detach())


def right(given):
    """In nats, with the gradient times T squared, by torch's own KL."""
    rows = counting(given)
    log_q, log_p = (z[rows] for z in logs(given))
    mean = F.kl_div(log_q, log_p.exp(), reduction="sum") / max(1, int(rows.sum()))
    return scale_gradient(mean, given.temperature**2)


def test_a_right_implementation_of_its_own_holds():
    verdict = divergence_gradient(Divergence(NATS, right))
    assert verdict.standing == Standing.HOLDS
    assert verdict.says == "value and gradient are those of the formula, for T from 1 to 8"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mean over tokens", "at T = 8 the gradient has 1/64 of its size"),
        ("sum over a given count", "it is no number of nats"),
    ],
)
def test_a_known_convention_is_allowed(name, says):
    verdict = divergence_gradient(RIGHT[name])
    assert verdict.standing == Standing.ALLOWED
    assert says in verdict.says


def test_without_a_formula_it_does_not_apply():
    verdict = divergence_gradient(Divergence(Contract(Kind.OTHER), right))
    assert verdict.standing == Standing.NOT_APPLICABLE


def squared_on_the_value(given):
    return given.temperature**2 * RIGHT["mean over tokens"].loss(given)


def detached(given):
    return right(given).detach()


def other_direction(given):
    rows = counting(given)
    log_q, log_p = (z[rows] for z in logs(given))
    return scale_gradient(kl(log_q, log_p).sum() / max(1, int(rows.sum())), given.temperature**2)


def all_rows(given):
    log_q, log_p = logs(given)
    return scale_gradient(kl(log_p, log_q).mean(), given.temperature**2)


def next_label(given):
    rows = torch.roll(counting(given), 1)
    log_q, log_p = logs(given)
    return scale_gradient(kl(log_p, log_q)[rows].sum() / max(1, int(rows.sum())), given.temperature**2)


def rounded(given):
    """As under a model that gives bfloat16: fine far from the teacher, noise near it."""
    rows = counting(given)
    log_q, log_p = (z[rows].bfloat16().float() for z in logs(given))
    return scale_gradient(kl(log_p, log_q).sum() / max(1, int(rows.sum())), given.temperature**2)


def epsilon(given):
    """The usual 1e-8 within the logarithm: most wrong for logits that are far apart."""
    rows = counting(given)
    log_q, log_p = (z[rows] for z in logs(given))
    p, q = log_p.exp(), log_q.exp()
    total = (p * ((p + 1e-8).log() - (q + 1e-8).log())).sum() / max(1, int(rows.sum()))
    return scale_gradient(total, given.temperature**2)


def smoothed(given):
    rows = counting(given)
    log_q, log_p = (z[rows] for z in logs(given))
    p = 0.99 * log_p.exp() + 0.01 / log_p.shape[-1]
    return scale_gradient(kl(p.log(), log_q).sum() / max(1, int(rows.sum())), given.temperature**2)


def teacher_not_softened(given):
    rows = counting(given)
    log_q, _ = logs(given)
    p = torch.softmax(given.teacher_logits.flatten(0, 1).float(), dim=-1)
    return scale_gradient(kl(p.log()[rows], log_q[rows]).sum() / max(1, int(rows.sum())), given.temperature**2)


def raising(_):
    raise ValueError("no")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (squared_on_the_value, "value 1.000 to 64.000 x right"),
        (detached, "no gradient"),
        (other_direction, "it is reverse KL, mean over the rows that count"),
        (all_rows, "labels have no effect"),
        (next_label, "x "),
        (rounded, "unrelated logits at T = 1: "),
        (epsilon, "unrelated logits at T = 1: value 3.8"),
        (smoothed, "unrelated logits at T = 1"),
        (teacher_not_softened, "unrelated logits at T = 2"),
        (raising, "it raises ValueError: no"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = divergence_gradient(Divergence(NATS, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
    assert wrong is epsilon or "over 2 tokens" in verdict.example or "over 5 tokens" in verdict.example


def test_beta_must_be_that_of_the_definition():
    jsd = RIGHT["generalised JSD"]
    swapped = Divergence(jsd.contract, lambda given: jsd.loss(type(given)(
        given.student_logits, given.teacher_logits, given.labels, given.temperature, 1 - given.beta
    )))  # fmt: skip
    verdict = divergence_gradient(swapped)
    assert "beta is on the other side" in verdict.says


def test_another_denominator_is_named():
    found = divergence_gradient(Divergence(Contract(reduction=Reduction.SUM, takes=TAKES), RIGHT["by sequences"].loss))
    assert "it is the sum over the number of sequences" in found.says
    assert divergence_gradient(distillation()).standing == Standing.HOLDS
