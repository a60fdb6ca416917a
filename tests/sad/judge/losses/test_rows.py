"""The loss of every row by its formula, and whether what no contract names is a sum or a mean."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.families import FORWARD
from sad.judge.losses.found import found
from sad.judge.losses.rows import row_loss
from sad.judge.losses.sample import fit, given, sample
from sad.subjects.divergence import Reduction


def _rows(student_logits, teacher_logits):
    return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)


def by_the_length(student_logits, teacher_logits):
    return _rows(student_logits, teacher_logits).sum() / student_logits.shape[1]


def without_the_last(student_logits, teacher_logits):
    batch, length, _ = student_logits.shape
    return _rows(student_logits, teacher_logits).sum() / (batch * (length - 1))


@pytest.mark.parametrize(("loss", "reduction"), [(by_the_length, Reduction.SUM), (without_the_last, Reduction.MEAN)])
def test_what_grows_with_the_sequences_is_a_sum(loss, reduction):
    it = found(discover(Call(loss), 0), 0)
    assert it.faults
    assert it.divergence.contract.reduction is reduction


@pytest.mark.parametrize("entropy", [0.0, 1.0])
def test_the_rows_are_those_of_the_formula_with_the_entropy_that_was_found(entropy):
    of = given(3)
    first = fit(sample(lambda g: _rows(g.student_logits, g.teacher_logits).mean(), of), FORWARD, 0.5)
    rows = row_loss(first, Call(_rows), entropy, of.student_logits, of.teacher_logits, of)
    p = (of.teacher_logits / of.temperature).softmax(-1)
    cross = -(p * (of.student_logits / of.temperature).log_softmax(-1)).sum(-1)
    expected = cross if entropy else cross + (p * p.log()).sum(-1)
    torch.testing.assert_close(rows, expected)
