"""What is screened at once is what each fit says by itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from sad.judge.losses.families import EVERY, FORWARD, REVERSE, forward_kl
from sad.judge.losses.sample import fit, given, label_losses, sample
from sad.judge.losses.screen import screened

ENTRIES = tuple((family, 0.3) for family in EVERY)


def mixed(weight, smoothing=0.0):
    def loss(of):
        rows = forward_kl(of.student_logits, of.teacher_logits).masked_fill(of.labels == -100, 0.0)
        return rows.sum() + weight * label_losses(of.student_logits, of, "own", smoothing).sum()

    return loss


@settings(max_examples=10, deadline=None)
@drawn(st.integers(0, 1000), st.floats(0, 3), st.sampled_from(["", "own", "next"]))
def test_the_residuals_are_those_of_the_fits(seed, weight, labels):
    of = sample(mixed(weight), given(seed))
    residuals = screened(of, ENTRIES, (1.0, 1.0), labels)
    one_by_one = [fit(of, family, beta, labels).residual for family, beta in ENTRIES]
    assert residuals.tolist() == pytest.approx(one_by_one, rel=1e-6, abs=1e-9)


def test_a_smoothed_label_loss_is_left_out():
    of = sample(mixed(0.7, smoothing=0.1), given(0))
    entries = ((FORWARD, 0.5), (REVERSE, 0.5))
    assert float(screened(of, entries, (1.0, 1.0), "own")[0]) > 1e-3
    right, wrong = screened(of, entries, (1.0, 1.0), "own", smoothed=True).tolist()
    assert right < 1e-9 < 1e-3 < wrong


def test_nothing_explains_nothing():
    of = sample(lambda of: 0.0 * of.student_logits.sum(), given(0))
    assert torch.isinf(screened(of, ENTRIES, (1.0, 1.0))).all()
