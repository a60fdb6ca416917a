"""Which parameters are a teacher that is kept as a list of its likeliest tokens, by their names."""

from __future__ import annotations

import inspect

import pytest
import torch

from sad.judge.losses.lists import ids_of, listed_roles, names_of_lists
from sad.judge.roles import Role


def roles(*names):
    return listed_roles(inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names)


@pytest.mark.parametrize(
    ("ids", "numbers"),
    [
        ("teacher_topk_ids", "teacher_topk_logprobs"),
        ("teacher_top_k_indices", "teacher_top_k_log_probs"),
        ("target_token_ids", "target_logprobs"),
        ("sparse_ids", "sparse_values"),
        ("teacher_indices", "teacher_probs"),
    ],
)
def test_a_pair_is_known(ids, numbers):
    told = roles("student_logits", numbers, ids, "mask")
    assert told == {ids: Role.LISTED, numbers: Role.TEACHER}
    assert list(names_of_lists(told)) == [numbers]


@pytest.mark.parametrize(
    "names",
    [("logits", "target_ids"), ("teacher_ids", "teacher_logits"), ("input_ids", "logits"), ("pos_idx", "logits")],
)
def test_ids_of_texts_are_no_list(names):
    assert roles("student_logits", *names) == {}


def test_the_likeliest_come_first():
    teacher = torch.tensor([[0.5, 3.0, 1.0]])
    assert ids_of(teacher, 2).tolist() == [[1, 2]]
    assert ids_of(teacher, 0).tolist() == [[1, 2, 0]]
