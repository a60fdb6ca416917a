"""Rows that depend on one another: by an axis counted from the front, or on purpose."""

from __future__ import annotations

import pytest

from sad.judge.losses.call import Call
from sad.judge.losses.coupling import coupled, on_rows_alone
from sad.judge.losses.sample import given, sample
from sad.judge.losses.session import session
from sad.verdict import Standing


def _sorted(student, teacher, dim):
    q, p = (x.softmax(-1).sort(dim=dim, descending=True).values for x in (student, teacher))
    return (q - p).abs().sum(-1).mean()


def of_sequences(student_logits, teacher_logits):
    """Universal logit distillation of [batch, seq_len, vocab]."""
    return _sorted(student_logits, teacher_logits, 1)


def of_images(student_logits, teacher_logits):
    """Sorted probabilities."""
    return _sorted(student_logits, teacher_logits, 1)


def last(student_logits, teacher_logits):
    """Universal logit distillation of [batch, seq_len, vocab]."""
    return _sorted(student_logits, teacher_logits, -1)


def relations(student_logits, teacher_logits):
    """Within a batch: what one token has over all rows (DIST, arXiv 2205.10536)."""
    q, p = (x.flatten(0, -2).softmax(-1).transpose(0, 1) for x in (student_logits, teacher_logits))
    q, p = (x - x.mean(1, keepdim=True) for x in (q, p))
    return 1 - (q * p).sum(1).div(q.norm(dim=1) * p.norm(dim=1) + 1e-8).mean()


def lines(loss, *only):
    events = list(session(Call(loss), "loss", only=only))
    return {event["line"].name: event["line"] for event in events if "line" in event}, events


def test_coupled_rows_are_told():
    for loss, together in ((of_sequences, True), (relations, True), (last, False)):
        call = Call(loss)
        assert coupled(sample(call, given(0)), call) is together


def test_an_axis_from_the_front_couples_positions_alone():
    for loss, found in ((of_sequences, True), (relations, False), (last, False)):
        call = Call(loss)
        assert (on_rows_alone(sample(call, given(0)), call) is not None) is found


def test_it_is_broken_where_the_source_says_what_the_axes_are():
    found, _ = lines(of_sequences, "known_divergence")
    assert found["known_divergence"].standing is Standing.BROKEN
    assert "axis 1 is the length" in found["known_divergence"].says


@pytest.mark.parametrize("loss", [of_images, last])
def test_it_is_a_divergence_where_the_last_axis_is_the_same(loss):
    found, events = lines(loss, "known_divergence", "partition")
    assert {line.standing for line in found.values()} <= {Standing.ALLOWED, Standing.HOLDS}
    shape = "rows of all sequences" if loss is of_images else "[2, 5, 11]"
    assert any(shape in one for event in events for one in event.get("assumed", []))


def test_rows_that_are_compared_on_purpose_may_not_be_split():
    found, _ = lines(relations, "known_divergence", "partition")
    assert found["partition"].standing is Standing.ALLOWED
    assert "compares rows with one another" in found["partition"].says
