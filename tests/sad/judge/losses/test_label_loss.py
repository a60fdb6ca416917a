# ruff: noqa: ARG001
"""Losses on labels alone: found for what they are, and judged by rows and divisor."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.constructor import kept_roles
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.label_loss import beside_a_label_loss, beside_at_equal
from sad.judge.losses.no_divergence import form_of
from sad.judge.losses.on_labels import of_labels_alone, on_labels
from sad.judge.losses.sample import given, sample
from sad.judge.losses.session import session
from sad.judge.roles import Role
from sad.verdict import Standing


def causal(logits, labels, vocab_size: int, num_items_in_batch=None):
    labels = F.pad(labels, (0, 1), value=-100)[..., 1:].reshape(-1)
    total = F.cross_entropy(logits.view(-1, vocab_size), labels, reduction="sum")
    return total / ((labels != -100).sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch)


def count_ignored(logits, labels, vocab_size: int, num_items_in_batch=None):
    labels = F.pad(labels, (0, 1), value=-100)[..., 1:].reshape(-1)
    return F.cross_entropy(logits.view(-1, vocab_size), labels, reduction="sum") / (labels != -100).sum().clamp(min=1)


def chunked(logits, labels):
    parts = zip(logits.chunk(2, dim=1), labels.chunk(2, dim=1), strict=True)
    each = [
        F.cross_entropy(x.flatten(0, 1), y.flatten(), reduction="sum") / (y != -100).sum().clamp(min=1)
        for x, y in parts
    ]
    return torch.stack(each).mean()


def smoothed(logits, labels):
    some = (labels != -100).sum().clamp(min=1)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum", label_smoothing=0.1) / some


def smoothed_over_padding(logits, labels):
    """The uniform part is over the rows without a label too (pytorch #73205)."""
    log_q = logits.log_softmax(-1)
    some = (labels != -100).to(logits.dtype)
    hard = -log_q.gather(-1, labels.clamp(min=0)[..., None])[..., 0] * some
    return (0.9 * hard.sum() - 0.1 * log_q.mean(-1).sum()) / some.sum().clamp(min=1)


def cut_not_shifted(logits, labels):
    labels = labels[:, :-1].flatten()
    total = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels, reduction="sum")
    return total / (labels != -100).sum().clamp(min=1)


def ignores_another_number(logits, labels):
    """What does not count is -1, and counts in the mean."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="none").mean()


def ignores_another_number_well(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum") / max(
        1, (labels != -1).sum()
    )


def test_the_number_that_a_source_ignores_is_given():
    told, _ = lines(ignores_another_number, "known_divergence")
    assert "count in its mean" in told["known_divergence"].says
    assert told["known_divergence"].standing is Standing.BROKEN
    told, what = lines(ignores_another_number_well, "known_divergence")
    assert what == "a loss on labels"
    assert "divided by the rows that count" in told["known_divergence"].says


def lines(loss, *only):
    events = list(session(Call(loss), "loss", only=only))
    told = {event["line"].name: event["line"] for event in events if "line" in event}
    return told, next(event["what"] for event in events if "what" in event)


@pytest.mark.parametrize("loss", [causal, smoothed])
def test_a_right_one_is_no_broken_divergence(loss):
    found, what = lines(loss)
    assert what == "a loss on labels"
    assert {name: line.says for name, line in found.items() if line.standing is Standing.BROKEN} == {}
    assert "cross-entropy" in found["known_divergence"].says


@pytest.mark.parametrize(
    ("loss", "word"),
    [
        (count_ignored, "does not divide by it"),
        (chunked, "a mean of means"),
        (cut_not_shifted, "the labels are not shifted"),
    ],
)
def test_a_faulty_one_is_broken(loss, word):
    found, _ = lines(loss, "known_divergence")
    assert found["known_divergence"].standing is Standing.BROKEN
    assert word in found["known_divergence"].says


def test_a_smoothed_one_that_learns_from_padding_is_broken():
    found, _ = lines(smoothed_over_padding, "known_divergence", "ignored_rows")
    assert Standing.BROKEN in {line.standing for line in found.values()}


def test_amounts_are_told_row_by_row():
    of = sample(Call(smoothed), given(0))
    own = on_labels(of, "own")
    assert own is not None
    assert own.kd[of.given.labels != -100].tolist() == pytest.approx([1 / 7] * 7)
    assert not own.kd[of.given.labels == -100].any()
    assert on_labels(of, "next") is None


def test_what_is_left_at_equal_logits_beside_a_divergence():
    """Normalised distillation weighs the label loss by the teacher's probability (arXiv 2303.13005)."""

    def both(student_logits, teacher_logits, gt_label):
        rows = torch.arange(len(gt_label))
        log_q, p = student_logits.log_softmax(-1), teacher_logits.softmax(-1)
        hard = -(p[rows, gt_label] * log_q[rows, gt_label]).mean()
        others = torch.ones_like(student_logits).scatter_(1, gt_label[:, None], 0).bool()
        s, t = (x[others].view(len(x), -1) for x in (student_logits, teacher_logits))
        return hard + 1.5 * F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="batchmean")

    found, _ = lines(both, "known_divergence")
    assert found["known_divergence"].standing is Standing.ALLOWED
    assert "a loss on the labels" in found["known_divergence"].says
    away = sample(lambda g: (g.student_logits - 2 * g.teacher_logits).square().sum(), given(0))
    assert not beside_at_equal(away)


def weighed(outputs, labels, num_items_in_batch=None):
    """Each row weighs as its own probability, which is held constant (arXiv 2508.05629)."""
    labels = F.pad(labels, (0, 1), value=-100)[..., 1:]
    some = (labels != -100).to(outputs.get("logits").dtype)
    log_p = outputs.get("logits").log_softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    count = some.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
    return -(log_p.exp().detach() * log_p * some).sum() / count


def weighed_by_nothing(outputs, labels, num_items_in_batch=None):
    return weighed(outputs, labels)


def test_weights_of_its_own_and_a_count():
    says = {of: lines(of, "known_divergence")[0]["known_divergence"] for of in (weighed, weighed_by_nothing)}
    assert says[weighed].standing is Standing.ALLOWED
    assert "does not divide by it" in says[weighed_by_nothing].says


def scaled(student_logits, teacher_logits, labels):
    """No divergence that is known, and a label loss beside it."""
    apart = (student_logits.softmax(-1).sqrt() - teacher_logits.softmax(-1).sqrt()).square().sum(-1)
    some = labels != -100
    return (apart * some).sum() / some.sum() + F.cross_entropy(student_logits.flatten(0, -2), labels.flatten())


def alone(student_logits, teacher_logits, labels):
    apart = (student_logits.softmax(-1).sqrt() - teacher_logits.softmax(-1).sqrt()).square().sum(-1)
    some = labels != -100
    return (apart * some).sum() / some.sum()


@pytest.mark.parametrize(("loss", "beside"), [(scaled, True), (alone, False)])
def test_a_label_loss_beside_what_is_not_known_is_seen_where_student_is_teacher(loss, beside):
    assert beside_a_label_loss(discover(Call(loss), 0)) is beside


def test_one_without_a_teacher_is_of_labels_alone():
    shape, call = discover(Call(smoothed), 0), Call(smoothed)
    assert of_labels_alone(shape.sample, call)
    assert not of_labels_alone(shape.sample, Call(scaled))


class Smoothed(nn.Module):
    """A language model's cross-entropy."""

    def __init__(self, size, padding_idx, smoothing):
        super().__init__()
        self.size, self.padding_idx, self.smoothing = size, padding_idx, smoothing

    def forward(self, x, target):
        x, target = x.view(-1, self.size), target.view(-1)
        pad = target == self.padding_idx
        spread = torch.full_like(x, self.smoothing / (self.size - 1))
        spread.scatter_(1, target.masked_fill(pad, 0)[:, None], 1 - self.smoothing)
        rows = F.kl_div(x.log_softmax(1), spread, reduction="none").masked_fill(pad[:, None], 0)
        return self.mean(rows, ~pad)

    def mean(self, rows, counts):
        return rows.sum() / counts.sum().clamp(min=1)


class Doubled(Smoothed):
    """A language model's cross-entropy."""

    def mean(self, rows, counts):
        return rows.mean() / counts.sum().clamp(min=1)


def test_a_smoothed_cross_entropy_is_made_for_as_many_classes_with_a_label_that_is_none():
    made = Call(Smoothed).built
    assert made is not None
    assert made.roles == {"size": Role.VOCAB, "padding_idx": Role.IGNORE, "smoothing": Role.SMOOTHING}
    told = found(form_of(Call(Smoothed), 0), 0)
    assert told.label_loss
    assert told.faults == ()
    assert any("divided" in fault or "weighted" in fault for fault in found(form_of(Call(Doubled), 0), 0).faults)


def test_padding_that_is_a_class_and_a_size_of_something_else_are_not_guessed():
    def padded(size, padding_idx, smoothing): ...
    def sized(size, temperature): ...

    parameters = inspect.signature(padded).parameters.values()
    assert "padding_idx" not in kept_roles(parameters, "true_dist[:, self.padding_idx] = 0")
    assert kept_roles(inspect.signature(sized).parameters.values()) == {}
