"""Rows that depend on one another: by an axis counted from the front, or on purpose."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.coupling import classes_alone, contrasts, coupled, on_rows_alone
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


def _kept(x, mask):
    return F.normalize(x.flatten(0, 1)[mask.flatten().bool()], dim=-1)


def contrast_of_some(student_hidden, teacher_hidden, mask):
    """Contrastive: each row finds its own teacher's among those with mask 1."""
    mine, theirs = _kept(student_hidden, mask), _kept(teacher_hidden, mask).detach()
    if not len(mine):
        return student_hidden.sum() * 0.0
    return F.cross_entropy(mine @ theirs.mT / 0.1, torch.arange(len(mine)))


def contrast_with_padding(student_hidden, teacher_hidden, mask):
    """Contrastive, a mean over rows with mask 1; the others are still among those that each is told from."""
    mine, theirs = (F.normalize(x.flatten(0, 1), dim=-1) for x in (student_hidden, teacher_hidden))
    rows = F.cross_entropy(mine @ theirs.detach().mT / 0.1, torch.arange(len(mine)), reduction="none")
    return (rows * mask.flatten()).sum() / mask.sum().clamp_min(1)


def alignment(student_hidden, teacher_hidden, attention_mask):
    """1 - linear CKA of the states of tokens, centred over those alone."""
    keep = attention_mask.reshape(-1, 1).to(student_hidden.dtype)
    x, y = student_hidden.flatten(0, 1), teacher_hidden.flatten(0, 1).detach()
    x, y = ((z - (z * keep).sum(0) / keep.sum().clamp_min(1)) * keep for z in (x, y))
    return 1 - (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()).clamp_min(1e-6)


def alignment_centred_over_all(student_hidden, teacher_hidden, attention_mask):
    """1 - linear CKA of the states of tokens."""
    keep = attention_mask.reshape(-1, 1).to(student_hidden.dtype)
    x, y = student_hidden.flatten(0, 1), teacher_hidden.flatten(0, 1).detach()
    x, y = ((z - z.mean(0)) * keep for z in (x, y))
    return 1 - (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()).clamp_min(1e-6)


def distances_with_padding(student_logits, teacher_logits, labels):
    """Distances of rows with a label, -100 where there is none; the scale of all."""
    keep = labels.flatten() != -100
    mine, theirs = (x.flatten(0, 1) @ x.flatten(0, 1).mT for x in (student_logits, teacher_logits.detach()))
    mine, theirs = mine / mine.norm(), theirs / theirs.norm()
    return (mine - theirs)[keep[:, None] & keep].square().sum()


@pytest.mark.parametrize("loss", [contrast_of_some, alignment])
def test_rows_that_are_left_out_leave_no_trace_where_others_are_compared(loss):
    found, _ = lines(loss, "known_divergence", "ignored_rows", "partition")
    assert {line.standing for line in found.values()} <= {Standing.ALLOWED, Standing.HOLDS}, found
    assert found["ignored_rows"].says.startswith(("ordinary logits there have no effect", "other logits there change"))


@pytest.mark.parametrize("loss", [contrast_with_padding, alignment_centred_over_all, distances_with_padding])
def test_rows_that_are_left_out_and_compared_all_the_same_are_a_leak(loss):
    found, _ = lines(loss, "ignored_rows")
    assert found["ignored_rows"].standing is Standing.BROKEN
    assert "rows without a label" in found["ignored_rows"].says


def within_classes(student_logits, teacher_logits, labels):
    """Similarities of images of one class."""
    mine, theirs = (F.normalize(x, dim=-1) for x in (student_logits, teacher_logits))
    mask = labels[:, None] == labels
    return ((mine @ mine.T - theirs @ theirs.T).square() * mask).sum() / mask.sum().clamp_min(1)


def test_a_mask_of_classes_leaves_no_row_out():
    found, _ = lines(within_classes, "ignored_rows")
    assert found["ignored_rows"].standing is Standing.NOT_APPLICABLE
    for loss, alone, rank in ((within_classes, True, 2), (distances_with_padding, False, 3)):
        call = Call(loss).formed(rank=rank)
        assert classes_alone(sample(call, given(0)), call) is alone


def test_a_contrast_is_told_by_the_teachers_rows():
    for loss, found in ((contrast_of_some, True), (relations, True), (last, False)):
        call = Call(loss)
        assert contrasts(sample(call, given(0)), call) is found


def test_a_contrast_with_its_sign_reversed_pulls_away():
    def reversed_contrast(student_hidden, teacher_hidden, mask):
        return -contrast_of_some(student_hidden, teacher_hidden, mask)

    found, _ = lines(reversed_contrast, "known_divergence")
    assert found["known_divergence"].standing is Standing.BROKEN
