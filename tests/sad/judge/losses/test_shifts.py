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


class Attended:
    """The divergence is over every token, the label loss over those that follow one."""

    def kd_loss(self, student_logits, teacher_logits, labels, attention_mask):
        log_q, p = student_logits.log_softmax(-1), teacher_logits.softmax(-1)
        rows = F.kl_div(log_q, p, reduction="none").sum(-1)
        ce = F.cross_entropy(student_logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="none")
        after = attention_mask[:, 1:]
        hard = (ce.view(after.shape) * after).sum() / after.sum().clamp(min=1)
        return 0.5 * (rows * attention_mask).sum() / attention_mask.sum().clamp(min=1) + 0.5 * hard


class OffByOne(Attended):
    """The same, by the labels."""

    def kd_loss(self, student_logits, teacher_logits, labels, attention_mask):
        return super().kd_loss(student_logits, teacher_logits, labels, (labels != -100).long() * attention_mask)


@pytest.mark.parametrize(("owner", "standing"), [(Attended, Standing.HOLDS), (OffByOne, Standing.BROKEN)])
def test_rows_of_an_attention_mask_are_no_labels_to_be_shifted(owner, standing):
    events = list(session(Call(owner.kd_loss, owner), "loss", only=("known_divergence",)))
    found_to_be = next(event["line"] for event in events if "line" in event)
    assert found_to_be.standing is standing, found_to_be.says
