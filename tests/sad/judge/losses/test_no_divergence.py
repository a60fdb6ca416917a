# ruff: noqa: ARG001
"""Functions that run as no divergence get a verdict of their own."""

from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.judge.losses.call import Call
from sad.judge.losses.discover import CannotRunError
from sad.judge.losses.label_loss import label_loss
from sad.judge.losses.no_divergence import form_of
from sad.judge.roles import Role


def nll(lprobs, target, ignore_index=-100):
    some = target != ignore_index
    rows = -lprobs.gather(-1, target.clamp(min=0)[..., None])[..., 0]
    return (rows * some).sum() / some.sum()


def test_a_target_that_must_be_ids_is_labels():
    shape = form_of(Call(nll), 0)
    assert shape.call.reading.roles["target"] is Role.LABELS
    assert label_loss(shape, 0) is not None


def test_a_loss_of_single_tokens_is_not_judged():
    def approximate(log_probs, log_probs_base, action_mask=None):
        ratio = log_probs - log_probs_base
        ratio = ratio.exp() - 1 - ratio
        return ratio if action_mask is None else ratio * action_mask

    with pytest.raises(UserError, match="single tokens"):
        form_of(Call(approximate), 0)


def test_what_raises_in_every_form_is_told():
    def never(student_logits, teacher_logits):
        raise RuntimeError("no")

    with pytest.raises(CannotRunError, match="RuntimeError: no"):
        form_of(Call(never), 0)


def test_a_divergence_is_found_as_before():
    assert form_of(Call(lambda student_logits, teacher_logits: (student_logits - teacher_logits).square().sum()), 0)
