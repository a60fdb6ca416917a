# ruff: noqa: ARG005
from __future__ import annotations

import pytest
import torch

from sad.judge.losses.divisor import divided
from sad.judge.losses.families import FORWARD, forward_kl
from sad.judge.losses.sample import fit, given, sample
from sad.subjects.divergence import Reduction


def by(divisor, times=1.0):
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits)[of.labels != -100]
        return times * rows.sum() / divisor(of, len(rows))

    samples = [sample(loss, given(0, which, count=True)) for which in (0, 1)]
    return divided(samples, [fit(s, FORWARD, 0.5) for s in samples], shift=False)


@pytest.mark.parametrize(
    ("divisor", "reduction"),
    [
        (lambda of, n: n, Reduction.MEAN),
        (lambda of, n: of.count, Reduction.COUNT),
        (lambda of, n: 1, Reduction.SUM),
        (lambda of, n: len(of.labels), Reduction.BATCH),
        (lambda of, n: of.labels.numel(), Reduction.ROWS),
    ],
)
def test_every_reduction_is_told_apart(divisor, reduction):
    found = by(divisor)
    assert found.reduction is reduction
    assert found.factor == pytest.approx(1)
    assert not found.faults


def test_a_factor_is_a_weight_and_a_sign_is_a_fault():
    assert by(lambda of, n: n, 0.3).factor == pytest.approx(0.3)
    assert "sign" in by(lambda of, n: n, -1.0).faults[0]


@pytest.mark.parametrize(("sign", "faults"), [(1, ()), (-1, ("its sign is wrong: every row pushes away",))])
def test_rows_of_weights_of_their_own_that_all_push_away_have_the_wrong_sign(sign, faults):
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits) * torch.arange(1, of.labels.shape[1] + 1)
        return sign * rows[of.labels != -100].sum()

    samples = [sample(loss, given(0, which)) for which in (0, 1)]
    assert divided(samples, [fit(s, FORWARD, 0.5) for s in samples], shift=False).faults == faults


def test_a_divisor_that_all_rows_share_is_told_where_no_contract_has_a_name_for_it():
    assert by(lambda of, n: n / len(of.labels)).shared == "the mean length"
    assert by(lambda of, n: n).shared == ""
    assert by(lambda of, n: n**2 + 5).shared == ""


def test_a_mean_over_the_vocabulary_is_a_fault_and_what_has_no_name_is_told():
    assert "vocabulary" in by(lambda of, n: n * of.student_logits.shape[-1]).faults[0]
    assert "vocabulary" in by(lambda of, n: of.count * of.student_logits.shape[-1]).faults[0]
    assert "no usual divisor" in by(lambda of, n: n**2 + 5).unfit
    assert "7 rows that count in 2 sequences of 5" in by(lambda of, n: n + len(of.labels)).unfit
    assert not by(lambda of, n: n).unfit


def test_lengths_are_no_number_of_rows():
    assert "mean length" in by(lambda of, n: n / len(of.labels)).faults[0]
    assert "longest" in by(lambda of, n: int((of.labels != -100).sum(1).max())).faults[0]
    assert "length as well" in by(lambda of, n: n * of.labels.shape[1]).faults[0]


def test_a_mean_for_each_sequence():
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits)
        counts = (of.labels != -100).double()
        return ((rows * counts).sum(1) / counts.sum(1)).mean()

    samples = [sample(loss, given(0, which)) for which in (0, 1)]
    found = divided(samples, [fit(s, FORWARD, 0.5) for s in samples], shift=False)
    assert found.reduction is None
    assert "its own mean" in found.notes[0]
