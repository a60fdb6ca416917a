# ruff: noqa: ARG005
from __future__ import annotations

import pytest
import torch

from sad.judge.losses.families import FORWARD, REVERSE, forward_kl
from sad.judge.losses.sample import fit, fit_smoothed, given, label_losses, sample, used


def test_no_two_sizes_are_equal_and_the_same_seed_gives_the_same():
    sizes = []
    for which in (0, 1):
        of = given(3, which)
        batch, length, vocab = of.student_logits.shape
        counts = int((of.labels != -100).sum())
        sizes.append({batch, length, vocab, counts, batch * length})
        assert len(sizes[-1]) == 5
    assert torch.equal(given(3).student_logits, given(3).student_logits)
    assert not torch.equal(given(3).student_logits, given(4).student_logits)


def test_a_gradient_is_taken_apart_row_by_row():
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits)
        counts = of.labels != -100
        return 0.5 * rows[counts].sum() / 7 + 0.25 * label_losses(of.student_logits, of, "own").sum() / 7

    found = fit(sample(loss, given(0)), FORWARD, 0.5, "own")
    counts = given(0).labels != -100
    assert found.good
    assert found.kd[counts].tolist() == pytest.approx([0.5 / 7] * 7)
    assert found.ce[counts].tolist() == pytest.approx([0.25 / 7] * 7)
    assert torch.equal(used(found.kd), counts)
    assert not fit(sample(loss, given(0)), REVERSE, 0.5, "own").good


def test_a_loss_without_a_gradient_is_told():
    assert not sample(lambda of: torch.tensor(1.0), given(0)).attached


@pytest.mark.parametrize("smoothing", [0.05, 0.1, 0.3])
def test_label_smoothing_is_told_by_its_share(smoothing):
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits)[of.labels != -100]
        return rows.mean() + 0.5 * label_losses(of.student_logits, of, "own", smoothing).sum()

    of = sample(loss, given(0))
    found = fit_smoothed(of, FORWARD, 0.5, "own")
    assert found.good
    assert found.smoothing == pytest.approx(smoothing)
    assert found.ce[of.given.labels != -100].tolist() == pytest.approx([0.5] * 7)
    assert not fit(of, FORWARD, 0.5, "own").good


def test_a_teacher_mixed_with_the_uniform_is_no_smoothed_label_loss():
    def loss(of):
        target = 0.9 * of.teacher_logits.softmax(-1) + 0.1 / of.teacher_logits.shape[-1]
        rows = -(target * of.student_logits.log_softmax(-1)).sum(-1)
        return rows[of.labels != -100].mean()

    assert fit_smoothed(sample(loss, given(0)), FORWARD, 0.5, "own") is None
