# ruff: noqa: ARG002
"""Losses of several views of the same examples are told as such."""

from __future__ import annotations

import inspect

import pytest
import torch

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.views import cut_in_views, no_teacher, taken_apart, two_views
from sad.judge.roles import Role
from sad.judge.stand_in import NeedsAdapterError


class Consistent:
    def __init__(self, num_splits=3):
        self.num_splits = num_splits

    def __call__(self, output, target):
        first, *others = torch.split(output, len(output) // self.num_splits)
        return sum((first - other).square().mean() for other in others)


def test_a_batch_of_views_is_told():
    with pytest.raises(NeedsAdapterError, match="it cuts its batch by num_splits into views"):
        discover(Call(Consistent), 0)


def test_views_are_told_by_their_names():
    assert two_views(["query", "positive_key", "mask"]) == "positive_key and query"
    assert two_views(["query", "mask"]) == ""
    assert cut_in_views("torch.split(x, num_chunks)", ["num_chunks"]) == ""


def preferred(policy_chosen_logps, policy_rejected_logps, beta=0.1):
    return -(beta * (policy_chosen_logps - policy_rejected_logps)).sigmoid().log().mean()


def test_a_loss_of_preferences_is_told():
    with pytest.raises(NeedsAdapterError, match="policy_chosen_logps and policy_rejected_logps are of two answers"):
        discover(Call(preferred), 0)
    assert no_teacher(["chosen_logits", "teacher_logits"], "", []) is None


def test_rows_that_the_teacher_has_of_its_own_are_told():
    names = ["student_hidden", "teacher_hidden", "token_mask", "teacher_token_mask"]
    own = "rows = student_hidden[:, :-1, :][token_mask[:, 1:]] - teacher_hidden[teacher_token_mask]"
    assert "teacher_token_mask says which" in no_teacher(names, own, [])
    assert no_teacher(names, f"{own}\nteacher_hidden = teacher_hidden[:, :-1]", []) is None
    assert no_teacher(names[:3], own, []) is None


def pair_of_unnamed(pair, T=2.0):  # noqa: N803
    first, second = pair
    return torch.nn.functional.kl_div((first / T).log_softmax(-1), (second / T).softmax(-1), reduction="sum")


def with_labels(outputs, labels):
    logits, _ = outputs
    return torch.nn.functional.cross_entropy(logits, labels)


def test_a_pair_of_unnamed_sides_is_not_guessed():
    with pytest.raises(NeedsAdapterError, match="it takes apart pair into first, second"):
        discover(Call(pair_of_unnamed), 0)
    roles = {"outputs": Role.STUDENT, "labels": Role.LABELS}
    assert taken_apart(roles, inspect.getsource(with_labels)) == ""
    assert taken_apart({"pair": Role.STUDENT}, "batch, length = pair.shape") == ""
