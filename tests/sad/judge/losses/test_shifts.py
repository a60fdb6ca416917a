# ruff: noqa: ARG002, ARG005
"""Labels of a batch, which a trainer's method must shift itself."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.session import session
from sad.judge.losses.shifts import unshifted
from sad.verdict import Standing


def _masked(trainer, model, inputs, labels, count):
    student = model(input_ids=inputs["input_ids"]).logits
    with torch.no_grad():
        teacher = trainer.teacher_model(input_ids=inputs["input_ids"]).logits
    some = labels != -100
    log_q, log_p = student[some].log_softmax(-1), teacher[some].log_softmax(-1)
    total = F.kl_div(log_q, log_p, reduction="sum", log_target=True)
    return total / (some.sum().clamp(min=1) if count is None else count)


class OnPromptsTrainer:
    """A trainer of language models, as ms-swift had it before #8436."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return _masked(self, model, inputs, inputs["labels"], num_items_in_batch)


class MovedTrainer:
    """The same, mended."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = F.pad(inputs["labels"][:, 1:], (0, 1), value=-100)
        return _masked(self, model, inputs, labels, num_items_in_batch)


class Seq2SeqDistiller:
    """A decoder whose labels are those of its own logits."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Of a seq2seq model."""
        return _masked(self, model, inputs, inputs["labels"], num_items_in_batch)


def line(owner, only="known_divergence"):
    events = list(session(Call(owner.compute_loss, owner), "loss", only=(only,)))
    return next(event["line"] for event in events if "line" in event)


def test_labels_that_are_not_shifted_are_broken():
    found = line(OnPromptsTrainer)
    assert found.standing is Standing.BROKEN
    assert "not shifted yet" in found.says


@pytest.mark.parametrize("owner", [MovedTrainer, Seq2SeqDistiller])
def test_labels_that_are_in_step_are_right(owner):
    assert line(owner).standing is Standing.HOLDS


def test_where_nothing_says_that_the_model_is_causal_it_is_a_note():
    here = {"__name__": "nowhere"}
    exec("class Distiller:\n    def compute_loss(self, model, inputs): ...", here)
    call = Call(here["Distiller"].compute_loss, here["Distiller"])
    says, certain = unshifted(call)
    assert "unless its model is none" in says
    assert not certain


def test_a_function_of_logits_and_labels_may_have_either():
    assert unshifted(Call(lambda student_logits, teacher_logits, labels: 0)) == ("", False)
