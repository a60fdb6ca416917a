"""Lists of hidden states and attention maps, which layers are compared, and what projects them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.layers import Projection, as_identity, compared, for_a_product, layered, layers_of
from sad.judge.losses.session import assumptions, session
from sad.judge.roles import Role
from sad.subjects.divergence import Reduction, Takes
from sad.verdict import Standing


def of_layers(student_hidden_states, teacher_hidden_states, attention_mask, projector):
    total = 0.0
    for mine, theirs in zip(student_hidden_states, teacher_hidden_states, strict=True):
        rows = (projector(mine) - theirs).pow(2).mean(-1)
        total = total + (rows * attention_mask).sum() / attention_mask.sum()
    return total / len(student_hidden_states)


def of_pairs(student_hidden_states, teacher_hidden_states, layer_pairs, attention_mask):
    rows = 0.0
    for mine, theirs in layer_pairs:
        rows = rows + (1 - F.cosine_similarity(student_hidden_states[mine], teacher_hidden_states[theirs], dim=-1))
    return (rows * attention_mask).sum() / attention_mask.sum()


def of_maps(student_attentions, teacher_attentions, layer_map):
    total = 0.0
    for mine, theirs in layer_map.items():
        q, p = student_attentions[mine], teacher_attentions[theirs]
        _, heads, _, _ = q.shape
        total = total + (p * (p.log() - q.log())).sum(-1).mean() / heads
    return total


def diluted(student_hidden, teacher_hidden, mask):
    return F.mse_loss(student_hidden * mask[..., None], teacher_hidden * mask[..., None])


def of(loss):
    return found(discover(Call(loss), 0), 0)


@pytest.mark.parametrize(
    ("loss", "name", "reduction"),
    [
        (of_layers, "squared error", Reduction.MEAN),
        (of_pairs, "1 - cosine of the logits", Reduction.MEAN),
        (of_maps, "forward KL", Reduction.MEAN),
        (diluted, "squared error", Reduction.ROWS),
    ],
)
def test_states_and_maps_are_given_as_layers(loss, name, reduction):
    it = of(loss)
    assert it.name == name
    assert not it.faults
    assert it.divergence.contract.reduction is reduction
    assert (Takes.LABELS in it.divergence.contract.takes) is (loss is not of_maps)


def test_a_list_is_told_from_a_tensor_by_what_the_source_does_with_it():
    sides = {"student_hidden_states": Role.STUDENT, "teacher_hidden_states": Role.TEACHER}
    assert not layered(sides, "student_hidden_states - teacher_hidden_states")
    assert layered(sides, "for a, b in zip(student_hidden_states, teacher_hidden_states):") == list(sides)
    assert layered(sides, "student_hidden_states: list[Tensor]") == ["student_hidden_states"]
    assert layered({**sides, "layer_pairs": Role.LAYERS}, "chosen(student_hidden_states)") == list(sides)
    assert not layered({"student_logits": Role.STUDENT}, "for x in student_logits:")


def test_the_layers_are_said_in_the_form_in_which_they_are_read():
    assert compared("layers", "for s, t in layers:") == [(0, 0), (1, 1)]
    assert compared("layers", "for s, t in layers.items():") == {0: 0, 1: 1}
    assert compared("layers", "for at in layers:") == [0, 1]


def test_maps_have_a_head_and_states_have_none():
    states = torch.zeros(2, 5, 11)
    assert [one.shape for one in layers_of(states, "student_attentions")] == [(2, 1, 5, 11)] * 2
    assert [one.shape for one in layers_of(states, "student_states")] == [(2, 5, 11)] * 2


def test_a_projection_is_the_identity_for_all_layers_or_each():
    states, projection = torch.ones(2, 3), Projection()
    assert projection(states) is projection[7](states) is states
    assert 3 in projection
    assert len(list(projection)) == len(projection) == 2


class Projected(nn.Module):
    def __init__(self, student_dim, teacher_dim):
        super().__init__()
        self.proj = nn.Linear(student_dim, teacher_dim)

    def forward(self, student_hidden, teacher_hidden, attention_mask):
        rows = (self.proj(student_hidden) - teacher_hidden).square().mean(-1)
        return (rows * attention_mask).sum() / attention_mask.sum().clamp(min=1)


class Diluted(Projected):
    def forward(self, student_hidden, teacher_hidden, attention_mask):
        return (self.proj(student_hidden) - teacher_hidden).square().mean() + 0 * attention_mask.sum()


class Normed(Projected):
    def __init__(self, student_dim, teacher_dim):
        super().__init__(student_dim, teacher_dim)
        self.norm = nn.LayerNorm(teacher_dim)


def test_a_projection_of_its_own_is_the_identity():
    told = of(Projected)
    assert (told.name, told.faults) == ("squared error", ())
    assert told.divergence.contract.takes == {Takes.LABELS}
    assert any("the linear layers that it holds are the identity" in says for says in assumptions(told))
    lines = [e["line"] for e in session(Call(Diluted), "here", only=("ignored_rows",)) if "line" in e]
    assert [line.standing for line in lines] == [Standing.BROKEN]


def test_what_is_no_projection_stays_as_it_was_made():
    assert as_identity(Projected(4, 4), torch.float64)
    assert not as_identity(Projected(4, 5), torch.float64)
    assert not as_identity(Normed(4, 4), torch.float64)
    assert not as_identity(nn.MSELoss(), torch.float64)


def test_states_of_a_token_that_is_ruled_out_go_through_a_product():
    logits = torch.tensor([[0.0, -torch.inf], [-torch.inf, -torch.inf]])
    states = for_a_product(logits) @ torch.eye(2)
    assert states[0].isfinite().all()
    assert states[0, 1] < -1e29
    assert states[1].isnan().all()
