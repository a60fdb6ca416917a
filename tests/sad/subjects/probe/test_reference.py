import math

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from sad.subjects.divergence import Contract, Divergence, Given, Kind, Reduction, Squared
from sad.subjects.probe.reference import reference, right

NOISE = torch.Generator().manual_seed(0)
STUDENT, TEACHER = torch.randn(2, 2, 3, 5, generator=NOISE)
LABELS = torch.tensor([[-100, 1, 2], [3, -100, -100]])
KINDS = [(Kind.FORWARD_KL, 0.5), (Kind.REVERSE_KL, 0.5), *((Kind.JSD, beta) for beta in (0.0, 0.1, 0.5, 0.9, 1.0))]


def by_hand(kind, beta, student, teacher):
    """One row, number by number."""
    p, q = ([math.exp(z) / sum(map(math.exp, row.tolist())) for z in row.tolist()] for row in (teacher, student))
    if kind == Kind.JSD and beta in (0, 1):
        kind = Kind.REVERSE_KL if beta else Kind.FORWARD_KL
    kl = lambda a, b: sum(x * math.log(x / y) for x, y in zip(a, b, strict=True))  # noqa: E731
    m = [beta * x + (1 - beta) * y for x, y in zip(p, q, strict=True)]
    return {Kind.FORWARD_KL: kl(p, q), Kind.REVERSE_KL: kl(q, p), Kind.JSD: beta * kl(p, m) + (1 - beta) * kl(q, m)}[
        kind
    ]


@pytest.mark.parametrize(("kind", "beta"), KINDS)
def test_the_value_is_the_formula_by_hand(kind, beta):
    found = reference(Contract(kind=kind, reduction=Reduction.SUM), Given(STUDENT, TEACHER, LABELS, beta=beta))
    rows = [(0, 1), (0, 2), (1, 0)]
    assert found.value == pytest.approx(sum(by_hand(kind, beta, STUDENT[r], TEACHER[r]) for r in rows), rel=1e-6)
    assert found.rows.sum() == 3


@pytest.mark.parametrize("squared", Squared)
@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize(("kind", "beta"), KINDS)
def test_the_gradient_is_that_of_the_value(kind, beta, reduction, squared):
    contract = Contract(kind=kind, reduction=reduction, squared=squared)
    student = STUDENT.double()
    call = Given(student, TEACHER, LABELS, temperature=2.0, beta=beta, count=11)
    step, found = 1e-6, reference(contract, call)
    for at in ((0, 1, 2), (1, 0, 4), (0, 0, 0)):
        high, low = student.clone(), student.clone()
        high[at] += step
        low[at] -= step
        values = [reference(contract, Given(z, TEACHER, LABELS, 2.0, beta, 11)).value for z in (high, low)]
        slope = (values[0] - values[1]) / (2 * step) * (4.0 if squared == Squared.GRADIENT else 1.0)
        assert float(found.gradient[at]) == pytest.approx(slope, abs=1e-8)


@drawn(st.floats(0.001, 0.999), st.floats(0.3, 8), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_divergence_is_never_below_zero_and_zero_on_itself(beta, temperature, seed):
    student, teacher = 5 * torch.randn(2, 1, 2, 7, generator=torch.Generator().manual_seed(seed))
    for kind in (Kind.FORWARD_KL, Kind.REVERSE_KL, Kind.JSD):
        contract = Contract(kind=kind)
        assert reference(contract, Given(student, teacher, None, temperature, beta)).value > 0
        same = reference(contract, Given(teacher, teacher, None, temperature, beta))
        assert abs(same.value) < 1e-12
        assert same.gradient.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("reduction", "divisor"),
    [(Reduction.MEAN, 3), (Reduction.COUNT, 11), (Reduction.SUM, 1), (Reduction.BATCH, 2), (Reduction.ROWS, 6)],
)
def test_what_the_sum_is_divided_by(reduction, divisor):
    call = Given(STUDENT, TEACHER, LABELS, count=11)
    total = reference(Contract(reduction=Reduction.SUM), call)
    found = reference(Contract(reduction=reduction), call)
    assert found.value == pytest.approx(total.value / divisor)
    assert torch.allclose(found.gradient, total.gradient / divisor)


def test_without_a_row_that_counts_all_is_zero():
    for reduction in Reduction:
        found = reference(Contract(reduction=reduction), Given(STUDENT, TEACHER, torch.full((2, 3), -100), count=0))
        assert found.value == 0
        assert not found.gradient.any()


def test_the_teachers_entropy_can_be_left_out():
    call = Given(STUDENT, TEACHER)
    full, without = reference(Contract(), call), reference(Contract(entropy=False), call)
    assert without.value - full.value == pytest.approx(
        float(torch.distributions.Categorical(logits=TEACHER.double()).entropy().mean())
    )
    assert torch.equal(full.gradient, without.gradient)


def test_tokens_ruled_out():
    out = TEACHER.clone()
    out[..., 2:] = -torch.inf
    both = STUDENT.clone()
    both[..., 3:] = -torch.inf
    for kind, mine, theirs, finite in [
        (Kind.FORWARD_KL, STUDENT, out, True),
        (Kind.FORWARD_KL, both, out, True),
        (Kind.FORWARD_KL, both, TEACHER, False),
        (Kind.REVERSE_KL, both, TEACHER, True),
        (Kind.REVERSE_KL, STUDENT, out, False),
        (Kind.JSD, both, TEACHER, True),
        (Kind.JSD, STUDENT, out, True),
    ]:
        found = reference(Contract(kind=kind), Given(mine, theirs))
        assert math.isfinite(found.value) == finite
        assert not finite or found.gradient.isfinite().all()


def test_a_documented_formula_by_autograd():
    def kl(student, teacher, call):
        log_p, log_q = (torch.log_softmax(z / call.temperature, -1) for z in (teacher, student))
        return (log_p.exp() * (log_p - log_q)).sum(-1)

    call = Given(STUDENT, TEACHER, LABELS, temperature=2.0)
    contract = Contract(kind=Kind.OTHER, squared=Squared.GRADIENT)
    found = right(Divergence(contract, lambda call: call.student_logits.sum(), kl), call)
    expected = reference(Contract(squared=Squared.GRADIENT), call)
    assert found.value == pytest.approx(expected.value)
    assert torch.allclose(found.gradient, expected.gradient)
    with pytest.raises(ValueError, match="no formula for 'other'"):
        reference(contract, call)
