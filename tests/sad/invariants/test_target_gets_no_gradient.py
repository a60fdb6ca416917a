import pytest
import torch
import torch.nn.functional as F

from sad.invariants.target_gets_no_gradient import Compared, Transfer, target_gets_no_gradient


def transfer(target, distance=F.mse_loss, value=None):
    """A student of one weight whose prediction is compared with ``target(weight)``."""
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 6))
    fixed = torch.linspace(2, 3, 6)

    def compare():
        prediction, aim = weight * 2, target(weight, fixed)
        taken = distance(prediction, aim) if value is None else value(prediction, aim)
        return {"term": Compared(taken, prediction, aim, distance)}

    return Transfer([weight], compare)


def cross_entropy(prediction, target):
    return F.cross_entropy(prediction[None], target.detach()[None].softmax(-1))


def huber(prediction, target):
    return F.smooth_l1_loss(prediction, target)


@pytest.mark.parametrize(
    ("target", "distance"),
    [
        (lambda _, fixed: fixed, F.mse_loss),
        (lambda _, fixed: fixed, huber),
        (lambda weight, fixed: fixed + weight.detach(), F.mse_loss),
        # the loss cuts the graph, whatever it is given
        (lambda weight, fixed: fixed + weight, cross_entropy),
    ],
)
def test_a_target_that_is_constant_or_cut_holds(target, distance):
    verdict = target_gets_no_gradient(transfer(target, distance))
    assert verdict.holds, verdict.says


def test_a_target_that_leans_on_the_student_is_named():
    verdict = target_gets_no_gradient(transfer(lambda weight, fixed: fixed * weight))
    assert not verdict.holds
    assert verdict.says.startswith("term: with the student's side constant its gradient is ")
    assert verdict.numbers["term_leak"] > 0


def test_a_value_that_is_not_that_of_its_sides_is_named():
    scaled = transfer(lambda _, fixed: fixed, value=lambda p, t: 1.001 * F.mse_loss(p, t))
    assert "away from that to a constant target" in target_gets_no_gradient(scaled).says


def test_a_term_that_teaches_nothing_is_named():
    dead = transfer(lambda _, fixed: fixed, lambda p, t: F.mse_loss(p.detach(), t))
    assert target_gets_no_gradient(dead).says == "term gives the student no gradient"


def test_a_gradient_that_is_no_number_is_named():
    broken = transfer(lambda _, fixed: fixed, lambda p, t: F.mse_loss(p, t) * torch.nan)
    assert not target_gets_no_gradient(broken).holds


@pytest.mark.parametrize(
    ("distance", "says"),
    [
        (lambda p, t: 1.01 * ((p - t) ** 2).sum(), "term, as it is: "),
        (lambda p, t: ((p - t) ** 2).sum() + 0.1 * (p - p.detach()).sum(), "term, as it is: its gradient"),
        (lambda p, t: ((p - t) ** 2 / t.clamp_min(1.0) * t).sum(), "term, a target with rows of zeros: "),
        (lambda p, t: ((p - t).clamp(-9, 9) ** 2).sum(), "term, 10 times as large: "),
        (lambda p, t: ((p - t) ** 2).sum(dtype=p.dtype).float(), "term, in half precision: "),
        (lambda p, t: ((p.float() - t.float()) ** 2).sum() + 0.5 * (p == t).all(), "term, both sides equal: "),
    ],
)
def test_a_term_that_is_not_its_definition_is_named(distance, says):
    weight, fixed = torch.nn.Parameter(torch.linspace(-1, 1, 6)), torch.linspace(2, 3, 6)

    def compare():
        definition = lambda p, t: ((p - t) ** 2).sum()  # noqa: E731
        return {"term": Compared(distance(2 * weight, fixed), 2 * weight, fixed, distance, definition)}

    assert target_gets_no_gradient(Transfer([weight], compare)).says.startswith(says)
