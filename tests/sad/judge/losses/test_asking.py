"""What a loss raises says how its parameters are to be read, where their names say otherwise."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import nn

from sad.judge.losses import checks
from sad.judge.losses.asking import other_readings
from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.roles import Role, Space
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Standing


def rows(student, teacher):
    return F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="none").sum(-1).mean()


def scores(scores, labels):
    """`labels` are the teacher's scores."""
    return rows(scores, labels)


def an_output(outputs, ref_logits):
    inner = getattr(outputs, "get")("logits")  # noqa: B009 - no name of an attribute in the source
    return rows(inner, ref_logits)


def a_dict(outputs, teacher_logits):
    return rows(outputs["logits"], teacher_logits)


class Trains:
    """Both models are its own, and what it takes is a batch."""

    def loss(self, inputs):
        labels = inputs.pop("labels")
        student, teacher = (model(**inputs).logits for model in (self.student, self.teacher))
        return rows(student[labels != -100], teacher[labels != -100])


@pytest.mark.parametrize("call", [Call(scores), Call(an_output), Call(a_dict), Call(Trains.loss, Trains)])
def test_it_is_read_otherwise(call):
    shape = discover(call, 0)
    told = found(shape, 0)
    assert (told.name, told.faults) == ("forward KL", ())


def test_nothing_else_is_tried_where_what_is_raised_says_nothing():
    assert list(other_readings(Call(scores), "ValueError: no")) == []
    (other,) = other_readings(Call(scores), "NotImplementedError: \"softmax\" not implemented for 'Long'")
    assert other.reading.roles["labels"] is Role.TEACHER


def test_a_word_that_must_be_told_is_read_from_the_source():
    def one_of(student_logits, teacher_logits, divergence: str):
        if divergence == "forward_kl":
            return rows(student_logits, teacher_logits)
        raise ValueError(divergence)

    assert discover(Call(one_of), 0).fit.family.name == "forward KL"


def test_a_classs_target_that_is_flattened_behind_the_batch_is_judged_on_rows():
    class Soft(nn.Module):
        def forward(self, input, target):
            flat = F.log_softmax(input.view(len(input), -1), dim=1)
            return -(target.view(len(target), -1) * flat).sum(1).mean()

    told = found(discover(Call(Soft), 0), 0)
    assert (told.name, told.faults, told.shape.call.form.rank) == ("forward KL", (), 2)


class Kept:
    """Whose constructor makes the loss, with a divisor that its method does not name."""

    def __init__(self):
        self.kl_loss = nn.KLDivLoss(reduction="batchmean")

    def loss(self, inputs):
        labels = inputs.pop("labels")
        student, teacher = (model(**inputs).get("logits") for model in (self.student, self.teacher))
        return self.kl_loss(student.log_softmax(-1), teacher.softmax(-1)) + 0.0 * labels.sum()


def test_what_a_constructor_keeps_divides_by_the_texts():
    class ForCausalLM(Kept):
        pass

    verdict = checks.divisor(found(discover(Call(ForCausalLM.loss, ForCausalLM), 0), 0))
    assert (verdict.standing, "batchmean" in verdict.says) == (Standing.BROKEN, True)


def test_an_epsilon_among_probabilities_is_no_softmax_of_them():
    """ListNet's loss: near the forward KL of logits, and no fault of arguments."""

    def list_net(y_pred, y_true, eps=1e-6):
        return -(F.softmax(y_true, dim=1) * (F.softmax(y_pred, dim=1) + eps).log()).sum(1).mean()

    shape = discover(Call(list_net), 0)
    assert (shape.call.form.student, shape.fit.family.name) == (Space.LOGITS, "forward KL")


def test_a_mask_that_meets_the_vocabulary_has_an_axis_more():
    def loss(logits, target_p, position_mask):
        return -(position_mask * target_p * logits.log_softmax(-1)).sum(-1).mean()

    shape = found(discover(Call(loss), 0), 0)
    assert shape.shape.call.form.column
    assert shape.name == "forward KL"
    assert checks.divisor(shape).standing is not Standing.BROKEN


def test_two_views_of_examples_are_no_student_and_teacher():
    def loss(query, positive_key, temperature=0.1):
        return F.cross_entropy(query @ positive_key.T / temperature, query.argmax(-1))

    with pytest.raises(NeedsAdapterError, match="a contrastive loss has no teacher"):
        discover(Call(loss), 0)


class Calls(nn.Module):
    """A module that defines what a call is itself."""

    def __call__(self, student_logits, teacher_logits, k=100):
        mine = student_logits.log_softmax(-1).topk(k).values
        return rows(student_logits, teacher_logits) + 0 * mine.sum()


def test_a_module_may_define_its_call_and_top_k_is_no_more_than_there_is():
    assert found(discover(Call(Calls), 0), 0).name == "forward KL"
