import torch
import torch.nn.functional as F
from torch import nn

from sad.invariants.no_shortcut import Frozen, no_shortcut

TARGET = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))


def with_projector(distance=F.mse_loss, target=lambda _: TARGET, factor=lambda _: 1.0, trained=True):
    torch.manual_seed(0)
    student, projector, extra = torch.ones(20, 4), nn.Linear(4, 6), nn.Parameter(torch.zeros(6))

    def terms():
        value = distance(projector(student), target(extra))
        return {"states": value if trained else value.detach(), "lm": factor(extra) * torch.tensor(5.0)}

    return Frozen(terms, [*projector.parameters(), extra], lambda: {"states": target(extra)}, {"states": F.mse_loss})


def test_a_projector_of_the_student_alone_holds_and_reaches_the_floor():
    verdict = no_shortcut(with_projector())
    assert verdict.holds
    floor = float((TARGET - TARGET.mean(0)).square().mean())
    assert abs(verdict.numbers["states_after"] - floor) < 0.02 * floor
    assert f"(floor {floor:.2f})" in verdict.says


def test_a_target_that_is_trained_breaks_it():
    verdict = no_shortcut(with_projector(target=lambda extra: TARGET * (1 + extra)))
    assert not verdict.holds
    assert "the target of states takes a gradient" in verdict.says
    assert "the target of states moved" in verdict.says


def test_a_trained_target_that_is_detached_is_right_as_long_as_it_stays():
    assert no_shortcut(with_projector(target=lambda extra: (TARGET * (1 + extra)).detach())).holds


def test_a_learned_scale_of_the_term_breaks_it_although_its_target_stays():
    torch.manual_seed(0)
    scale = nn.Parameter(torch.zeros(()))
    student, projector = torch.ones(20, 4), nn.Linear(4, 6)

    def terms():
        return {"states": F.mse_loss(projector(student), TARGET) * scale.exp()}

    frozen = Frozen(terms, [*projector.parameters(), scale], lambda: {"states": TARGET}, {"states": F.mse_loss})
    verdict = no_shortcut(frozen)
    assert not verdict.holds
    assert verdict.says.startswith("states fell from")


def test_a_term_without_projector_that_moves_breaks_it():
    verdict = no_shortcut(with_projector(factor=lambda extra: (1 + extra).square().mean()))
    assert not verdict.holds
    assert "lm moved from 5.000" in verdict.says


def test_a_term_that_nothing_can_lower_holds():
    assert no_shortcut(with_projector(trained=False)).holds


def test_the_parameters_are_put_back():
    frozen = with_projector()
    before = [p.detach().clone() for p in frozen.trainable]
    no_shortcut(frozen)
    assert all(torch.equal(p, b) for p, b in zip(frozen.trainable, before, strict=True))
