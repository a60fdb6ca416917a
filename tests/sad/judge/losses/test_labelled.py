# ruff: noqa: ARG001
"""Labels by what the source does with them, and the label that it leaves out."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.labelled import counting, ignored_label, labelled_roles, marks, padding_id, with_helpers
from sad.judge.losses.leave_open import settled
from sad.judge.losses.session import session
from sad.judge.roles import Role
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.divergence import Reduction
from sad.verdict import Standing

PAD_ID = 0
PAD_TOKEN = 1


def by_number(answer_tokens, logits, teacher_logits):
    keep = answer_tokens[:, 1:] != -100
    rows = F.kl_div(logits[:, :-1].log_softmax(-1), teacher_logits[:, :-1].softmax(-1), reduction="none").sum(-1)
    return (rows * keep).sum() / keep.sum().clamp(min=1)


def in_a_batch(student_logits, teacher_logits, no_model_batch):
    return student_logits.sum() * (no_model_batch["label"] != -100).sum()


def beside(output, soft_logits, target=None, temperature=1.0, alpha=0.9):
    """The label loss is on logits that were divided before."""
    output, soft = output / temperature, (soft_logits / temperature).softmax(1)
    kl = -(soft * output.log_softmax(1)).sum(1)
    if target is None:
        return kl.mean()
    return (alpha * temperature**2 * kl + (1 - alpha) * F.cross_entropy(output, target, reduction="none")).mean()


def no_index(output, soft_logits, target=None):
    return (output - soft_logits).square().sum() * (1 if target is None else target)


def by_constant(student_logits, teacher_logits, targets, alpha=0.5, temperature=3.0):
    hard = F.cross_entropy(student_logits, targets, ignore_index=PAD_ID)
    some = targets != PAD_ID
    log_q = (student_logits[some] / temperature).log_softmax(-1)
    kl = F.kl_div(log_q, (teacher_logits[some] / temperature).softmax(-1), reduction="batchmean")
    return alpha * temperature**2 * kl + (1 - alpha) * hard


def _kept(rows, targets):
    return rows[targets != -1]


def by_a_helper(student_logits, teacher_logits, targets):
    """The tokens that count are told by another function."""
    rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    return _kept(rows, targets).sum() / _kept(rows, targets).numel()


def by_ids(student_logits, teacher_logits, input_ids, labels):
    """The divergence is over what is no padding, the label loss over what has a label."""
    mask = (input_ids != PAD_TOKEN).float()
    rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    hard = F.cross_entropy(student_logits.flatten(0, 1), labels.flatten(), reduction="sum")
    return (rows * mask).sum() / mask.sum() + 0.5 * hard / (labels != -100).sum()


def teacher_last(student_logits, labels, teacher_logits=None, temperature=2.0):
    keep = labels != -100
    if teacher_logits is None:
        return F.cross_entropy(student_logits[keep], labels[keep])
    log_q = (student_logits[keep] / temperature).log_softmax(-1)
    p = (teacher_logits[keep] / temperature).softmax(-1)
    return F.kl_div(log_q, p, reduction="batchmean") * temperature**2


def or_a_list(inputs, outputs, *, teacher_logits=None, teacher_topk_logprobs=None, teacher_topk_ids=None, **more):
    return outputs["logits"].sum()


def two_teachers(student_logits, labels, teacher_logits=None, tutor_and_teacher_logits=None):
    return student_logits.sum()


def by_a_boolean_mask(student_logits, teacher_logits, attention_mask):
    """attention_mask: bool."""
    log_q, p = student_logits[attention_mask].log_softmax(-1), teacher_logits[attention_mask].softmax(-1)
    return F.kl_div(log_q, p, reduction="batchmean")


@pytest.mark.parametrize(
    ("loss", "labels"),
    [(by_number, {"answer_tokens"}), (in_a_batch, set()), (beside, {"target"}), (no_index, set())],
)
def test_labels_are_told_by_what_is_done_with_them(loss, labels):
    every = inspect.signature(loss).parameters.values()
    assert labelled_roles(every, loss) == dict.fromkeys(labels, Role.LABELS)
    assert labelled_roles(every, len) == {}


def test_a_loss_is_found_with_labels_of_another_name():
    one = found(discover(Call(by_number), 0), 0)
    assert one.name == "forward KL"
    assert one.divergence.contract.shift


def test_a_teacher_that_may_be_left_out_is_given():
    roles = labelled_roles(inspect.signature(teacher_last).parameters.values(), teacher_last)
    assert roles == {"labels": Role.LABELS, "teacher_logits": Role.TEACHER}
    every = inspect.signature(or_a_list).parameters.values()
    assert labelled_roles(every, or_a_list) == {"teacher_logits": Role.TEACHER}
    every = inspect.signature(two_teachers).parameters.values()
    assert labelled_roles(every, two_teachers) == {}
    one = found(discover(Call(teacher_last), 0), 0)
    assert (one.name, one.faults) == ("forward KL", ())


def test_a_constant_that_ids_are_compared_with_is_no_label():
    assert (Call(by_ids).ignored, marks(by_ids, by_ids)) == (-100, (-100, PAD_TOKEN))
    one = found(discover(Call(by_ids), 0), 0)
    assert (one.name, one.faults) == ("forward KL", ())


def test_a_mask_of_booleans_is_given_as_one():
    one = found(discover(Call(by_a_boolean_mask), 0), 0)
    assert (one.name, one.faults, one.uneven) == ("forward KL", (), False)


@pytest.mark.parametrize(
    ("text", "told"),
    [("input_ids != PAD_ID", 3), ("src.ne(PAD_ID)", 3), ("labels != PAD_ID", 0), ("ids == PAD_OF_NOBODY", 0)],
)
def test_the_id_of_the_padding(text, told):
    assert padding_id(text, {"PAD_ID": 3}) == told


def test_a_label_loss_that_an_optional_target_turns_on_is_judged():
    line = next(e["line"] for e in session(Call(beside), "loss", only=("known_divergence",)) if "line" in e)
    assert "the loss on the labels is taken on logits divided by the temperature" in line.says


def test_a_label_may_be_left_out_by_a_constant():
    one = found(discover(Call(by_constant), 0), 0)
    assert one.name == "forward KL"
    assert not one.faults
    assert Call(by_constant).ignored == PAD_ID


def test_a_label_may_be_left_out_by_a_function_that_is_called():
    call = Call(by_a_helper)
    assert call.ignored == -1
    one = found(discover(call, 0), 0)
    assert one.divergence.contract.reduction is Reduction.MEAN
    assert "def _kept" in with_helpers(by_a_helper, globals())
    assert with_helpers(len, globals()) == ""


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("ignore_index=-1", -1),
        ("ignore_index=PAD_ID, x != PAD_ID", 0),
        ("ignore_index=self.pad", -100),
        ("ignore_index=-1, ignore_index=-2", -100),
        ("x != PAD_OF_NOBODY", -100),
        ("", -100),
    ],
)
def test_the_label_that_a_source_leaves_out(text, ignored):
    assert ignored_label(text, {"PAD_ID": 0}) == ignored


def test_no_label_that_counts_is_the_one_that_is_left_out():
    labels = torch.tensor([0, 3, -100])
    assert counting(labels, 0, 4).tolist() == [1, 3, -100]
    assert counting(labels, 3, 4).tolist() == [0, 0, -100]
    assert counting(labels, -100, 4).tolist() == labels.tolist()


def smoothed_nll(lprobs, target, epsilon):
    hard = -lprobs.gather(-1, target.unsqueeze(-1))
    return ((1.0 - epsilon) * hard - epsilon * lprobs.mean(-1, keepdim=True)).sum()


def floored(student_logits, teacher_logits, eps):
    return -(teacher_logits.softmax(-1) * (student_logits.softmax(-1) + eps).log()).sum()


def test_a_smoothing_that_must_be_given_is_what_a_label_gives_away():
    smoothing = [labelled_roles(inspect.signature(f).parameters.values(), f) for f in (smoothed_nll, floored)]
    assert smoothing == [{"epsilon": Role.SMOOTHING}, {}]
    events = list(session(Call(smoothed_nll), "smoothed_nll", only=("can_be_called",)))
    assert next(event["line"] for event in events if "line" in event).standing is Standing.HOLDS


class Worded:
    def __init__(self, loss_option, temperature=1.0):
        self.loss_option, self.temperature = loss_option, temperature
        if self.loss_option == "mse":
            self.loss_function = nn.MSELoss(reduction="sum")
        elif self.loss_option == "kl_div":
            self.loss_function = nn.KLDivLoss(reduction="sum")

    def get_loss(self, model_output, label, curr_batch_size):
        if self.loss_option == "kl_div":
            log_q = (model_output / self.temperature).log_softmax(-1)
            total = self.loss_function(log_q, F.softmax(label / self.temperature, dim=-1)) / curr_batch_size
        elif self.loss_option == "mse":
            total = self.loss_function(model_output, label) / curr_batch_size
        return total

    def late(self, model_output, label, curr_batch_size):
        if self.loss_option == "kl_div":
            log_q = model_output.log_softmax(-1) / self.temperature
            total = self.loss_function(log_q, F.softmax(label, dim=-1) / self.temperature) / curr_batch_size
        return total


def test_an_attribute_that_is_compared_with_words_is_one_whatever_its_name():
    one = found(discover(Call(Worded.get_loss, owner=Worded), 0), 0)
    assert (one.name, one.faults) == ("forward KL", ())
    assert found(discover(Call(Worded.late, owner=Worded), 0), 0).faults


def listed(student_logits, teacher_logits, indices: np.ndarray, convo_tokens):
    """Rows of one conversation; the label loss is told beside it."""
    log_q = student_logits.log_softmax(dim=-1)
    if indices is not None:
        log_q = log_q.gather(-1, torch.as_tensor(indices))
    hard = F.cross_entropy(student_logits, convo_tokens)
    kl = F.kl_div(log_q, teacher_logits.softmax(dim=-1), reduction="none").sum(dim=-1)
    return {"loss": kl.mean(), "hard": hard}


def averaged(student_logits, teacher_logits, indices: np.ndarray, convo_tokens):
    """The same, and a mean over the vocabulary."""
    log_q = student_logits.log_softmax(dim=-1)
    if indices is not None:
        log_q = log_q.gather(-1, torch.as_tensor(indices))
    hard = F.cross_entropy(student_logits, convo_tokens)
    return {"loss": F.kl_div(log_q, teacher_logits.softmax(dim=-1), reduction="none").mean(), "hard": hard}


def test_what_the_source_asks_whether_it_is_none_is_none_and_what_a_label_loss_takes_is_labels():
    call = Call(listed)
    assert (call.reading.roles["indices"], call.reading.roles["convo_tokens"]) == (Role.NONE, Role.LABELS)
    one = found(discover(call, 0), 0)
    assert (one.name, one.faults) == ("forward KL", ())
    assert found(discover(Call(averaged), 0), 0).faults


def nothing_without(student_logits, teacher_logits, indices: np.ndarray):
    if indices is None:
        return student_logits.detach().sum() * 0
    return (student_logits - teacher_logits).square().sum()


def test_what_computes_nothing_without_what_was_none_is_not_judged():
    with pytest.raises(NeedsAdapterError, match="given indices as None"):
        list(session(Call(nothing_without), "a.py:nothing_without"))


def distances(student_logits, teacher_logits):
    return torch.cdist(student_logits.softmax(-1), teacher_logits.softmax(-1)).diagonal(dim1=-2, dim2=-1).mean()


def test_an_operation_that_this_processor_has_not_in_half_precision_is_no_fault():
    assert settled("finite", found(discover(Call(distances), 0), 0).divergence).standing is not Standing.BROKEN


def rows(source, target, ignore_index=-100):
    each = F.cross_entropy(source, target, ignore_index=ignore_index, reduction="none")
    return each[target != ignore_index].mean()


class ByLengths:
    def compute_loss(self, model, inputs):
        whole = inputs["attention_mask"].sum(dim=1)
        answers = (inputs["labels"] != -100).sum(dim=1)
        return model(**inputs).logits[:, int((whole - answers).min()) :].sum()


def test_what_is_compared_with_the_ignore_index_is_labels():
    assert Call(rows).reading.roles["target"] is Role.LABELS


def test_where_an_answer_begins_by_lengths_is_not_told_by_the_batch_that_is_made():
    with pytest.raises(NeedsAdapterError, match="where an answer begins"):
        Call(ByLengths.compute_loss, ByLengths)
