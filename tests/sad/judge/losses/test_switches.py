"""A part that is off by default is judged too: each switch is turned once."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.switches import switches
from sad.verdict import Standing


def judged(loss):
    return switches(found(discover(Call(loss), 0), 0))


def plain(logits, labels):
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=-100)


def right(logits, labels, z_loss: bool = False, label_smoothing: float = 0.0):
    """A mean over the rows that count, each part."""
    rows, of = logits.flatten(0, -2), labels.flatten()
    loss = F.cross_entropy(rows, of, ignore_index=-100, label_smoothing=label_smoothing)
    counts = of != -100
    return loss + ((rows.logsumexp(-1).square() * counts).sum() / counts.sum() if z_loss else 0)


def padding_counts(logits, labels, z_loss: bool = False):
    return plain(logits, labels) + (logits.logsumexp(-1).square().mean() if z_loss else 0)


def smooths_padding(logits, labels, label_smoothing: float = 0.0):
    return plain(logits, labels) - label_smoothing * logits.log_softmax(-1).mean()


def never_ran(logits, labels, z_loss: bool = False):
    return plain(logits, labels) + (logits.sum() / (labels != -100).mean() if z_loss else 0)


def overflows(logits, labels, entropy_weight: float = 0.0):
    return plain(logits, labels) + (entropy_weight * torch.tensor(torch.inf) * logits.sum() if entropy_weight else 0)


def needs_more(logits, labels, weigh: bool = False, by=None):
    return plain(logits, labels) * (by.mean() if weigh else 1)


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (padding_counts, "rows without a label get a gradient"),
        (smooths_padding, "label_smoothing=0.1 rows without a label"),
        (never_ran, "with z_loss=True it raised RuntimeError"),
        (overflows, "not finite"),
    ],
)
def test_a_part_that_is_wrong_is_broken(loss, says):
    verdict = judged(loss)
    assert not verdict.holds
    assert says in verdict.says


def test_parts_that_are_right_hold():
    verdict = judged(right)
    assert verdict.standing is Standing.HOLDS, verdict.says
    assert "z_loss=True, label_smoothing=0.1" in verdict.says


def test_a_part_that_needs_more_is_said_and_not_judged():
    verdict = judged(needs_more)
    assert verdict.standing is Standing.ALLOWED
    assert "it may need more" in verdict.says


def test_nothing_is_asked_where_nothing_is_off():
    assert judged(plain).standing is Standing.NOT_APPLICABLE


class Smoothed:
    """The summed loss of all rows is added to each; ``of_each``: of that row alone."""

    def __init__(self, args):
        self.label_smoothing = args.label_smoothing

    def label_loss(self, logits, labels):
        return self._mixed(logits, labels, lambda rows: rows.sum())

    def of_each(self, logits, labels):
        return self._mixed(logits, labels, lambda rows: rows)

    def _mixed(self, logits, labels, together):
        keep = labels != -100
        log_q = logits.log_softmax(-1)
        rows = -log_q.gather(-1, labels.clamp_min(0)[..., None])[..., 0] * keep
        if self.label_smoothing == 0:
            return rows.sum()
        even = (1 - self.label_smoothing) * together(rows) - self.label_smoothing * log_q.mean(-1)
        return (even * keep).sum()


def test_smoothing_that_is_read_from_an_object_is_turned_on_too():
    call = Call(Smoothed.label_loss, Smoothed)
    wrong = switches(found(discover(call, 0), 0))
    assert "with label_smoothing=0.1 each row's gradient depends on how many rows are beside it" in wrong.says
    right = switches(found(discover(Call(Smoothed.of_each, Smoothed), 0), 0))
    assert right.holds, right.says
    assert "label_smoothing=0.1" in right.says


def by_the_batch(logits, labels, label_smoothing: float = 0.0):
    return plain(logits, labels) * (len(labels) if label_smoothing else 1)


def test_what_a_row_weighs_beside_others_is_the_same_with_smoothing():
    assert "a row weighs" in judged(by_the_batch).says


def to_a_prior(logits, labels, label_smoothing: float = 0.0):
    """It is smoothed towards how often each class is a label of the batch."""
    log_q, keep, of = logits.log_softmax(-1), labels != -100, labels.clamp_min(0)
    prior = (F.one_hot(of, logits.shape[-1]) * keep[..., None]).flatten(0, -2).sum(0) / keep.sum().clamp(min=1)
    hard, even = -log_q.gather(-1, of[..., None])[..., 0], -(log_q * prior).sum(-1)
    rows = (1 - label_smoothing) * hard + label_smoothing * even
    return (rows * keep).sum() / keep.sum().clamp(min=1)


def test_smoothing_may_be_towards_what_the_batch_has():
    verdict = judged(to_a_prior)
    assert verdict.standing is Standing.HOLDS, verdict.says
