# ruff: noqa: ARG005
"""A weight whose gradient flows is told; a constant one, a sum and a plain divergence are none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from sad.judge.losses.families import FORWARD, REVERSE, forward_kl, reverse_kl
from sad.judge.losses.sample import given, label_rows, sample
from sad.judge.losses.weighted import BY_LABELS, FEATURES, undetached


def found(weigh, rows=forward_kl, seed=0):
    def loss(of):
        counts = of.labels != -100
        whole = weigh(of.student_logits, of.teacher_logits, rows(of.student_logits, of.teacher_logits))
        return whole.masked_fill(~counts, 0.0).sum() / counts.sum()

    return undetached(sample(loss, given(seed)), (0.3, 0.5))


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_is_told(name):
    feature, gap = FEATURES[name]
    it = found(lambda s, t, rows: feature(s, t) * rows)
    assert it is not None
    assert (it.family, it.feature, it.gap) == (FORWARD, name, gap)
    assert it.share > 0


@settings(max_examples=15, deadline=None)
@drawn(st.integers(0, 1000), st.floats(0.2, 3), st.floats(-1, 1))
def test_whatever_the_function_of_it(seed, power, shift):
    entropy, _ = FEATURES["the student's entropy"]
    it = found(lambda s, t, rows: (entropy(s, t).pow(power) + 2 + shift) * rows, reverse_kl, seed)
    assert it is not None
    assert (it.family, it.feature) == (REVERSE, "the student's entropy")


@pytest.mark.parametrize("name", FEATURES)
def test_what_is_held_constant_or_added_is_no_weight(name):
    feature, _ = FEATURES[name]
    assert found(lambda s, t, rows: feature(s, t).detach() * rows) is None
    assert found(lambda s, t, rows: rows + 0.1 * feature(s, t)) is None
    assert found(lambda s, t, rows: rows) is None


def test_another_thing_is_none():
    assert found(lambda s, t, rows: torch.sin(s).sum(-1) * rows) is None


@pytest.mark.parametrize("name", BY_LABELS)
def test_a_weight_by_the_label_that_is_clipped_for_some_rows(name):
    of = given(0)
    at = label_rows(of, BY_LABELS[name]).clamp_min(0)[..., None]

    def log_q(student):
        return student.log_softmax(-1).gather(-1, at)[..., 0]

    middle = float(log_q(of.student_logits).median())
    it = found(lambda s, t, rows: log_q(s).clamp(max=middle).exp() * rows)
    assert it is not None
    assert (it.feature, it.gap) == (name, False)
    assert found(lambda s, t, rows: log_q(s).detach().exp() * rows) is None
