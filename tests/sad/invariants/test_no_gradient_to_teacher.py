import pytest
import torch
import torch.nn.functional as F

from sad.invariants.no_gradient_to_teacher import no_gradient_to_teacher
from sad.shipped.divergence import distillation
from sad.subjects.divergence import Contract, Divergence
from sad.subjects.probe.right import RIGHT
from sad.verdict import Standing


def attached(given):
    p = torch.softmax(given.teacher_logits, -1)
    return F.kl_div(torch.log_softmax(given.student_logits, -1), p, reduction="sum") / p[..., 0].numel()


def exchanged(given):
    return attached(type(given)(given.teacher_logits, given.student_logits.detach()))


def refusing(given):
    if given.teacher_logits.requires_grad:
        raise ValueError("a teacher has no gradient")
    return attached(given)


def test_one_that_refuses_holds():
    assert no_gradient_to_teacher(Divergence(Contract(strict=True), refusing)).standing == Standing.HOLDS


def depends_on_it(given):
    """Another loss where the teacher's logits ask for a gradient."""
    return attached(given) * (2.0 if given.teacher_logits.requires_grad else 1.0)


def test_a_detached_target_holds():
    assert no_gradient_to_teacher(RIGHT["mean over tokens"]).standing == Standing.HOLDS
    assert no_gradient_to_teacher(distillation()).standing == Standing.HOLDS


def test_one_that_leaves_it_to_its_caller_is_allowed():
    verdict = no_gradient_to_teacher(Divergence(Contract(), attached))
    assert verdict.standing == Standing.ALLOWED
    assert "the teacher must run without gradients" in verdict.says


@pytest.mark.parametrize(
    ("contract", "wrong", "says"),
    [
        (Contract(strict=True), attached, "the teacher's logits get a gradient of norm"),
        (Contract(), exchanged, "the teacher gets the gradient, and the student none"),
        (Contract(), depends_on_it, "the student's is another"),
        (Contract(), lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(contract, wrong, says):
    verdict = no_gradient_to_teacher(Divergence(contract, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
