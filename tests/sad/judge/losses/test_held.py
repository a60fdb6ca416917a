"""A loss that takes one thing with both sides in it: a batch, a dataclass, a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.families import FORWARD
from sad.judge.losses.found import found
from sad.judge.losses.held import opened
from sad.judge.losses.session import session
from sad.subjects.divergence import Reduction, Takes
from sad.verdict import Standing


def over(student, teacher, keep, divisor):
    rows = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="none").sum(-1)
    return (rows * keep).sum() / divisor.sum().clamp(min=1)


@dataclass
class Both:
    student_logits: torch.Tensor
    teacher_logits: torch.Tensor
    labels: torch.Tensor
    step: int = 0


class Pair(NamedTuple):
    student_logits: torch.Tensor
    teacher_logits: torch.Tensor
    attention_mask: torch.Tensor


def of_a_dataclass(both: Both):
    keep = (both.labels != -100).double()
    return over(both.student_logits, both.teacher_logits, keep, keep)


def of_a_named_tuple(pair: Pair):
    keep = pair.attention_mask.double()
    return over(pair.student_logits, pair.teacher_logits, keep, keep)


def of_a_dict(batch):
    keep = (batch["labels"] != -100).double()
    return over(batch["student_logits"], batch["teacher_logits"], keep, keep)


def padding_counts(batch):
    keep = (batch["labels"] != -100).double()
    return over(batch["student_logits"], batch["teacher_logits"], torch.ones_like(keep), keep)


class OfATuple(nn.Module):
    """Trains on a pair, is evaluated on labels."""

    def forward(self, output, target):
        if not self.training:
            return F.cross_entropy(output, target)
        model_output, soft_labels = output
        return -(soft_labels * model_output.log_softmax(1)).sum(1).mean()


def mean_over_classes(output):
    model_output, soft_labels = output
    return -(soft_labels * model_output.log_softmax(1)).mean()


@pytest.mark.parametrize("loss", [of_a_dataclass, of_a_named_tuple, of_a_dict])
def test_it_is_judged_by_what_it_holds(loss):
    told = found(discover(Call(loss), 0), 0)
    assert (told.name, told.faults) == (FORWARD.name, ())
    assert told.divergence.contract.reduction is Reduction.MEAN
    assert Takes.LABELS in told.divergence.contract.takes


def test_a_tuple_that_is_unpacked_is_two_sides_and_what_is_read_to_evaluate_has_no_part():
    told = found(discover(Call(OfATuple), 0), 0)
    assert (told.name, told.faults) == (FORWARD.name, ())
    assert "vocabulary" in found(discover(Call(mean_over_classes), 0), 0).faults[0]


def test_rows_that_should_not_count_are_told():
    lines = [e["line"] for e in session(Call(padding_counts), "here", only=("ignored_rows",)) if "line" in e]
    assert [line.standing for line in lines] == [Standing.BROKEN]
    lines = [e["line"] for e in session(Call(of_a_dict), "here", only=("ignored_rows",)) if "line" in e]
    assert Standing.BROKEN not in [line.standing for line in lines]


def of_settings(student, teacher, config):
    return F.mse_loss(student / config.student_temperature, teacher / config.teacher_temperature)


def handed_on(batch):
    return of_a_dict(batch) + batch["student_logits"].sum() * batch["teacher_logits"].sum()


def one_side(batch, student_logits):
    return over(student_logits, batch["teacher_logits"], 1, batch["labels"] != -100)


def by_number(pair):
    return F.mse_loss(pair[0], pair[1])


@pytest.mark.parametrize("loss", [of_settings, handed_on, one_side, by_number])
def test_settings_one_side_and_what_is_handed_on_whole_are_left_as_they_are(loss):
    assert opened(loss) is loss


@dataclass
class Asked(Both):
    def kept(self):
        return (self.labels != -100).double()


def asked_by_a_method(both: Asked):
    return over(both.student_logits, both.teacher_logits, both.kept(), both.kept())


def unpacked(pair: Pair):
    ours, theirs, keep = pair
    return over(ours, theirs, keep.double(), keep.double())


@pytest.mark.parametrize("loss", [asked_by_a_method, unpacked])
def test_an_object_is_opened_by_its_fields_whatever_reads_them(loss):
    whole = found(discover(Call(loss), 0), 0)
    assert whole.name == FORWARD.name, whole.name
