"""Forward KL: value and gradient against float64, what temperature may change, and what must stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.kd import Buckets, Divergence, Kind, forward_kl, rows, silence


def logits(rows: int, vocab: int, seed: int, sharpness: float = 3.0) -> Tensor:
    return torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * sharpness


def reference(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Value by the definition, a plain double loop over the vocabulary; gradient by the closed form, times T²."""
    q = torch.softmax(student.double() / temperature, -1)
    p = torch.softmax(teacher.double() / temperature, -1)
    value = sum(
        float(p_i) * (math.log(float(p_i)) - math.log(float(q_i)))
        for p_row, q_row in zip(p, q, strict=True)
        for p_i, q_i in zip(p_row, q_row, strict=True)
        if p_i > 0
    )
    return torch.tensor(value, dtype=torch.float64), (q - p) / temperature * temperature**2


def ours(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor, int]:
    leaf = student.clone().requires_grad_()
    found = forward_kl(leaf, torch.log_softmax(teacher.float() / temperature, -1), temperature)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    return found.total.detach(), gradient, found.units


@given(st.integers(1, 6), st.integers(2, 24), st.sampled_from([0.5, 1.0, 2.0, 4.0]), st.sampled_from([0.1, 3.0, 12.0]))
def test_value_and_gradient_match_the_definition(rows: int, vocab: int, temperature: float, sharpness: float) -> None:
    student, teacher = logits(rows, vocab, 1, sharpness).float(), logits(rows, vocab, 2, sharpness).float()
    value, gradient, units = ours(student, teacher, temperature)
    expected, slope = reference(student, teacher, temperature)
    assert units == rows
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5 * rows)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-6 * temperature)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = logits(5, 50, 3).to(dtype), logits(5, 50, 4).to(dtype)
    value, gradient, _ = ours(student, teacher)
    expected, slope = reference(student, teacher, 1.0)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=torch.finfo(dtype).eps, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 3.0])
def test_temperature_squared_is_on_the_gradient_and_not_on_the_value(temperature: float) -> None:
    student, teacher = logits(4, 30, 5).float(), logits(4, 30, 6).float()
    leaf = student.clone().requires_grad_()
    plain = torch.nn.functional.kl_div(
        torch.log_softmax(leaf / temperature, -1),
        torch.log_softmax(teacher / temperature, -1),
        log_target=True,
        reduction="sum",
    )
    (slope,) = torch.autograd.grad(plain, leaf)
    value, gradient, _ = ours(student, teacher, temperature)
    torch.testing.assert_close(value, plain.detach())
    torch.testing.assert_close(gradient, slope * temperature**2)


def test_temperature_keeps_the_size_of_the_gradient() -> None:
    student, teacher = logits(16, 64, 7, 0.5).float(), logits(16, 64, 8, 0.5).float()
    sizes = [float(ours(student, teacher, t)[1].norm()) for t in (1.0, 2.0, 4.0, 8.0)]
    assert max(sizes) / min(sizes) < 1.5


@given(st.integers(1, 4), st.integers(2, 40), st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([1.0, 20.0]))
def test_zero_and_stationary_where_both_are_equal(rows: int, vocab: int, temperature: float, sharpness: float) -> None:
    same = logits(rows, vocab, 9, sharpness).float()
    value, gradient, _ = ours(same, same, temperature)
    # the one side is normalised and the other not
    assert abs(float(value)) < 1e-5 * rows
    assert float(gradient.abs().max()) < 1e-6


@given(st.integers(2, 40), st.sampled_from([0.3, 3.0, 30.0]))
def test_never_negative(vocab: int, sharpness: float) -> None:
    value, _, _ = ours(logits(8, vocab, 10, sharpness).float(), logits(8, vocab, 11, sharpness).float())
    assert float(value) > -1e-6


def test_gradient_is_exact_near_convergence() -> None:
    teacher = logits(64, 2000, 12)
    student = teacher + 0.045 * logits(64, 2000, 13, 1.0)
    expected, slope = reference(student, teacher, 1.0)
    assert 5e-4 < float(expected) / 64 < 2e-3
    value, gradient, _ = ours(student.float(), teacher.float())
    assert float((gradient.double() - slope).norm() / slope.norm()) < 1e-4
    assert abs(float(value) / float(expected) - 1) < 1e-3


def test_masked_tokens_on_both_sides_change_nothing() -> None:
    student, teacher = logits(3, 10, 14).float(), logits(3, 10, 15).float()
    masked = torch.full((3, 4), -math.inf)
    value, gradient, _ = ours(student, teacher)
    wider, wider_gradient, _ = ours(torch.cat([student, masked], 1), torch.cat([teacher, masked], 1))
    torch.testing.assert_close(value, wider)
    torch.testing.assert_close(gradient, wider_gradient[:, :10], rtol=1e-5, atol=1e-7)
    assert torch.equal(wider_gradient[:, 10:], torch.zeros(3, 4))


def test_a_teacher_that_rules_a_token_out_leaves_the_rest_to_the_student() -> None:
    student, teacher = logits(3, 10, 16).float(), logits(3, 10, 17).float()
    teacher[:, 4] = -math.inf
    value, gradient, _ = ours(student, teacher)
    q, p = torch.softmax(student, -1), torch.softmax(teacher, -1)
    assert math.isfinite(float(value))
    torch.testing.assert_close(gradient, q - p)


def test_a_token_ruled_out_by_the_student_alone_is_infinitely_far() -> None:
    student, teacher = logits(2, 6, 18).float(), logits(2, 6, 19).float()
    student[0, 2] = -math.inf
    for temperature in (1.0, 2.0):
        found = forward_kl(student, torch.log_softmax(teacher / temperature, -1), temperature)
        assert float(found.total) == math.inf


def test_no_boundary_sums_to_zero() -> None:
    student = torch.empty(0, 7, requires_grad=True)
    found = forward_kl(student, torch.empty(0, 7), 2.0)
    found.total.backward()
    assert (float(found.total.detach()), found.units) == (0.0, 0)
    assert student.grad is not None


def test_nothing_flows_to_the_teacher() -> None:
    student = logits(3, 8, 20).float().requires_grad_()
    teacher = torch.log_softmax(logits(3, 8, 21).float(), -1).requires_grad_()
    forward_kl(student, teacher).total.backward()
    assert teacher.grad is None
    assert student.grad is not None


KINDS = st.sampled_from(list(Kind))
MIXES = st.sampled_from([0.0, 0.1, 0.5, 0.9])


def wide(kind: Kind, p: Tensor, q: Tensor, mix: float) -> Tensor:
    """Each divergence by its definition, in float64, from probabilities that are never 0."""

    def kl(a: Tensor, b: Tensor) -> Tensor:
        return (a * (a / b).log()).sum(-1)

    if kind == Kind.JSD and mix == 0:
        kind = Kind.FORWARD_KL
    return {
        Kind.FORWARD_KL: lambda: kl(p, q),
        Kind.REVERSE_KL: lambda: kl(q, p),
        Kind.JSD: lambda: mix * kl(p, mix * p + (1 - mix) * q) + (1 - mix) * kl(q, mix * p + (1 - mix) * q),
        Kind.SKEW_KL: lambda: kl(p, mix * p + (1 - mix) * q),
        Kind.SKEW_REVERSE_KL: lambda: kl(q, mix * q + (1 - mix) * p),
    }[kind]()


@given(KINDS, MIXES, st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([0.1, 3.0]), st.integers(2, 40), st.booleans())
def test_every_divergence_is_its_definition(
    kind: Kind, mix: float, temperature: float, sharpness: float, vocab: int, shifted: bool
) -> None:
    student, teacher = logits(4, vocab, 30, sharpness), logits(4, vocab, 31, sharpness)
    leaf = student.clone().requires_grad_()
    values = wide(kind, (teacher / temperature).softmax(-1), (leaf / temperature).softmax(-1), mix)
    (slopes,) = torch.autograd.grad(values.sum(), leaf)
    # log-probabilities need not be normalised
    target = teacher / temperature + (5.0 if shifted else 0.0)
    found = rows(student.float(), target.float(), Divergence(kind, temperature, mix))
    assert found.values.dtype == found.gradient.dtype == torch.float32
    torch.testing.assert_close(found.values.double(), values.detach(), rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(found.gradient.double(), slopes * temperature**2, rtol=1e-3, atol=1e-5 * temperature)


@given(KINDS, MIXES, st.integers(3, 30), st.integers(1, 2), st.sampled_from([1.0, 2.0]))
def test_buckets_are_the_divergence_between_the_sums_of_both(
    kind: Kind, mix: float, vocab: int, size: int, temperature: float
) -> None:
    student, teacher = logits(4, vocab, 32), logits(4, vocab, 33)
    p = (teacher / temperature).softmax(-1)
    ids = p.topk(size, -1).indices

    def joined(x: Tensor) -> Tensor:
        return torch.cat([x.gather(-1, ids), x.scatter(-1, ids, 0.0).sum(-1, keepdim=True)], -1)

    leaf = student.clone().requires_grad_()
    values = wide(kind, joined(p), joined((leaf / temperature).softmax(-1)), mix)
    (slopes,) = torch.autograd.grad(values.sum(), leaf)
    listed = joined(p).log().float()
    found = rows(student.float(), Buckets(ids, listed[:, :-1], listed[:, -1]), Divergence(kind, temperature, mix))
    torch.testing.assert_close(found.values.double(), values.detach(), rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(found.gradient.double(), slopes * temperature**2, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.FORWARD_KL, Kind.REVERSE_KL)])
@pytest.mark.parametrize("side", ["teacher", "student", "both"])
def test_a_mixture_is_finite_where_one_has_no_mass(kind: Kind, side: str) -> None:
    student, teacher = logits(3, 9, 34).float(), logits(3, 9, 35).float()
    for of, name in ((student, "student"), (teacher, "teacher")):
        if side in (name, "both"):
            of[:, 4] = -math.inf
    p, q = teacher.double().softmax(-1), student.double().softmax(-1)
    right = wide(kind, p.clamp_min(1e-300), q.clamp_min(1e-300), 0.3)
    found = rows(student, teacher.clone(), Divergence(kind, mix=0.3))
    torch.testing.assert_close(found.values.double(), right, rtol=1e-4, atol=1e-5)
    assert bool(found.gradient.isfinite().all())


def test_reverse_kl_is_infinite_only_where_the_student_has_mass() -> None:
    student, teacher = logits(2, 9, 36).float(), logits(2, 9, 37).float()
    teacher[:, 4] = -math.inf
    student[1, 4] = -math.inf
    found = rows(student, teacher, Divergence(Kind.REVERSE_KL))
    assert found.values.isinf().tolist() == [True, False]
    assert bool(found.gradient[1].isfinite().all())


@pytest.mark.parametrize("kind", Kind)
def test_a_number_that_is_none_shows_on_either_side(kind: Kind) -> None:
    for side in range(2):
        both = [logits(3, 9, 38).float(), logits(3, 9, 39).float()]
        both[side][1, 2] = math.nan
        found = rows(both[0], both[1], Divergence(kind, mix=0.3))
        assert found.values.isnan().tolist() == [False, True, False]
        assert found.gradient.isnan().any(-1).tolist() == [False, True, False]


def test_a_silent_row_gives_nothing_and_no_gradient() -> None:
    teacher = torch.log_softmax(logits(3, 9, 40).float(), -1)
    teacher[1] = -math.inf
    for kind in Kind:
        found = rows(logits(3, 9, 41).float(), teacher.clone(), Divergence(kind, mix=0.3), silent=silence(teacher))
        assert float(found.values[1]) == 0.0
        assert not bool(found.gradient[1].any())
        assert bool(found.gradient[0].any())
        # so it is through a cache, of which nothing says it beforehand
        stored = Buckets(torch.arange(5).expand(3, 5), teacher[:, :5], teacher[:, 5:].logsumexp(-1))
        found = rows(logits(3, 9, 41).float(), stored, Divergence(kind, mix=0.3))
        assert float(found.values[1]) == 0.0
        assert not bool(found.gradient[1].any())
        assert bool(found.gradient[0].any())
    assert silence(torch.zeros(2, 3)) is None
    assert silence(torch.zeros(0, 3)) is None


@pytest.mark.parametrize(
    ("given", "says"),
    [({"temperature": 0.0}, "temperature must be positive"), ({"mix": 1.5}, "must lie between 0 and 1")]
    + [({"kind": kind, "mix": 1.0}, "must lie between 0 and 1") for kind in (Kind.SKEW_KL, Kind.SKEW_REVERSE_KL)],
)
def test_a_divergence_that_is_none_is_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Divergence(**given)
