"""The plain form is the formulas: against sums written out, for every divergence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from sad.subjects.states import Kind, States, plain, slopes, teacher_probabilities

GIVEN = States(
    hidden=torch.randn(5, 4, generator=torch.Generator().manual_seed(0)),
    weight=torch.randn(9, 4, generator=torch.Generator().manual_seed(1)),
    teacher_hidden=torch.randn(3, 2, generator=torch.Generator().manual_seed(2)),
    teacher_weight=torch.randn(7, 2, generator=torch.Generator().manual_seed(3)),
    labels=torch.tensor([1, 0, 8, 3, 6]),
    at=torch.tensor([4, 0, 2]),
    tokens=7,
)


def kl(a: list[float], b: list[float]) -> float:
    return sum(x * math.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_divergence_is_its_sum(kind: Kind, temperature: float) -> None:
    given, mix, expected = replace(GIVEN, kind=kind, temperature=temperature, mix=0.3), 0.3, 0.0
    logits = GIVEN.hidden.double() @ GIVEN.weight.double().T
    for k, place in enumerate(GIVEN.at.tolist()):
        q = (logits[place, :7] / temperature).softmax(-1).tolist()
        p = teacher_probabilities(given)[k].tolist()
        between = [mix * x + (1 - mix) * y for x, y in zip(p, q, strict=True)]
        other = [mix * y + (1 - mix) * x for x, y in zip(p, q, strict=True)]
        expected += {
            Kind.FORWARD: kl(p, q),
            Kind.REVERSE: kl(q, p),
            Kind.JSD: mix * kl(p, between) + (1 - mix) * kl(q, between),
            Kind.SKEW: kl(p, between),
            Kind.SKEW_REVERSE: kl(q, other),
        }[kind]
    assert plain(given).value == pytest.approx(expected, rel=1e-9)


def test_the_gradient_is_the_slope_times_the_temperature_squared() -> None:
    given = replace(GIVEN, hidden=GIVEN.hidden.double(), weight=GIVEN.weight.double(), temperature=3.0)
    step = 1e-6 * torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    ahead, behind = (plain(replace(given, hidden=given.hidden + sign * step)).value for sign in (1, -1))
    assert float((plain(given).gradients[0] * step).sum()) == pytest.approx(9 * (ahead - behind) / 2, rel=1e-5)


def test_other_tokens_of_the_teacher_are_added_up_and_what_has_no_token_is_left_out() -> None:
    given = replace(GIVEN, index=torch.tensor([0, 0, 3, -1, 5, 6, 6]))
    p, found = teacher_probabilities(GIVEN), teacher_probabilities(given)
    right = torch.zeros_like(p)
    for teacher, student in enumerate([0, 0, 3, -1, 5, 6, 6]):
        if student >= 0:
            right[:, student] += p[:, teacher]
    torch.testing.assert_close(found, right / right.sum(-1, keepdim=True))


def test_a_tied_head_gets_the_gradient_of_both_its_uses() -> None:
    given = replace(GIVEN, tied=torch.tensor([0, 1, 2, 3, 4]))
    apart = plain(replace(GIVEN, hidden=GIVEN.hidden + GIVEN.weight[:5]))
    found = plain(given)
    torch.testing.assert_close(found.gradients[1][:5], apart.gradients[1][:5] + apart.gradients[0])


def test_what_a_loss_does_not_use_has_no_slope() -> None:
    found = slopes(lambda given: given.hidden.sum(), replace(GIVEN, bias=torch.zeros(9)))
    assert [bool(each.any()) for each in found.gradients] == [True, False, False]
