"""What trains: the student and its projectors, and nothing of the teacher."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller, Projector
from sad.recipe import Terms


def made(**terms: Any) -> Distiller:
    pair = tiny.pair()
    return Distiller(pair.student, pair.teacher, pair.vocab, Terms.model_validate(terms))


def test_the_teacher_is_read_and_not_owned() -> None:
    of = made()
    teachers = {id(p) for p in of.teacher.parameters()}
    assert not teachers & {id(p) for p in of.parameters()}
    assert not any("teacher" in name for name in of.state_dict())
    of.train()
    assert of.student.training
    assert not any(module.training for module in of.teacher.modules())


def test_the_teacher_does_not_follow_to_another_type() -> None:
    of = made()
    of.double()
    assert {p.dtype for p in of.student.parameters()} == {torch.float64}
    assert {p.dtype for p in of.teacher.parameters()} == {torch.float32}


def test_projectors_stay_outside_the_student() -> None:
    of = made(layerwise={"layers": 2})
    assert len(of.projectors) == len(of.pairs) == 2
    inside = {id(p) for p in of.student.parameters()}
    assert not inside & {id(p) for p in of.projectors.parameters()}
    assert [p.map.weight.shape for p in of.projectors] == [(32, 16), (32, 16)]


@pytest.mark.parametrize(
    ("terms", "names", "pairs"),
    [
        ({}, ("kd", "lm", "layerwise"), 1),
        ({"layerwise": {"weight": 0}}, ("kd", "lm"), 0),
        ({"layerwise": {"weight": 0}, "contrastive": {"weight": 1}}, ("kd", "lm", "contrastive"), 1),
        ({"kd": {"weight": 0}, "layerwise": {"layers": 9}}, ("lm", "layerwise"), 2),
    ],
)
def test_only_what_has_a_weight_takes_part(terms: dict[str, Any], names: tuple[str, ...], pairs: int) -> None:
    of = made(**terms)
    assert of.names == names
    assert len(of.pairs) == pairs
    plan = tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    asked = of.ask_teacher(batch)
    assert len(asked.blocks) == pairs
    assert not asked.target.hidden.requires_grad
    assert tuple(of(batch, asked)) == names


def test_a_projection_does_not_depend_on_the_size_of_the_state() -> None:
    projector = Projector(16, 32)
    states = torch.randn(5, 16)
    torch.testing.assert_close(projector(states), projector(1000 * states), rtol=1e-4, atol=1e-5)


def test_a_projection_is_full_precision_under_autocast() -> None:
    projector = Projector(16, 32)
    states = torch.randn(5, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = projector(states)
    assert found.dtype == torch.float32
    assert torch.equal(found, projector(states))


def test_one_model_cannot_be_both() -> None:
    pair = tiny.pair(320, 320)
    with pytest.raises(ValueError, match="share weights"):
        Distiller(pair.student, pair.student, pair.vocab, tiny.recipe().terms)
