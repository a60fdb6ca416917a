"""Lists of hidden states and attention maps, which layers are compared, and what projects them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.layers import Projection, compared, layered, layers_of
from sad.judge.roles import Role
from sad.subjects.divergence import Reduction, Takes


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
