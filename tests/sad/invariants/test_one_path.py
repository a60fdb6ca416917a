import pytest
import torch
from torch import nn

from sad.invariants.one_path import Paths, one_path

STATES = torch.linspace(-1, 1, 24).reshape(6, 4)


def paths(evaluated, training=lambda project: project(STATES).square().mean()):
    project = nn.Linear(4, 3, bias=False)
    nn.init.eye_(project.weight)
    return Paths(project, lambda: training(project), lambda: evaluated(project))


@pytest.mark.parametrize(
    "evaluated",
    [
        lambda project: project(STATES).square().mean(),
        # in pieces, and summed
        lambda project: torch.stack([project(some).square().sum() for some in STATES.split(2)]).sum() / 18,
        # in another type at the end
        lambda project: project(STATES).double().square().mean(),
    ],
)
def test_one_way_holds(evaluated):
    verdict = one_path(paths(evaluated))
    assert verdict.holds, verdict.says


@pytest.mark.parametrize(
    ("evaluated", "says"),
    [
        (
            lambda project: project(-STATES).square().mean(),
            "the cosine of the projector's inputs in training and evaluation is -1.00",
        ),
        (lambda project: project(STATES * 1.01).square().mean(), "the cosine of the projector's inputs"),
        (lambda project: project(STATES).square().sum(), "0.3598 in training, "),
        (
            lambda project: project(STATES[:3]).square().mean(),
            "the projector is given 24 numbers in training, 12 in evaluation",
        ),
        (lambda _: STATES.square().mean(), "evaluation does not use the projector"),
        (lambda project: project(STATES).square().mean() * torch.nan, "0.3598 in training, "),
    ],
)
def test_another_way_is_named(evaluated, says):
    verdict = one_path(paths(evaluated))
    assert not verdict.holds
    assert verdict.says.startswith(says)


def test_a_training_without_the_projector_is_named():
    assert one_path(paths(lambda p: p(STATES).mean(), lambda _: STATES.mean())).says == (
        "training does not use the projector"
    )
