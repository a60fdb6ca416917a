"""What is said of a loss that no formula explains."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.unexplained import unexplained
from sad.verdict import Standing


def verdict(loss):
    it = found(discover(Call(loss), 0), 0)
    assert not it.known
    return unexplained(it)


def test_a_divergence_that_has_no_name_here_is_allowed():
    def hellinger(student_logits, teacher_logits):
        return (student_logits.softmax(-1).sqrt() - teacher_logits.softmax(-1).sqrt()).square().sum(-1).mean()

    told = verdict(hellinger)
    assert told.standing is Standing.ALLOWED
    assert "least and flat" in told.says
    assert "held back" not in told.says


def test_a_gradient_that_is_held_back_is_told():
    def of_a_constant(student_logits, teacher_logits):
        p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
        apart = (p.sqrt() - q.sqrt()).square().sum(-1)
        return (apart + apart.detach()).mean()

    assert "part of its gradient is held back" in verdict(of_a_constant).says


def test_what_pulls_away_from_the_teacher_is_broken():
    def biased(student_logits, teacher_logits):
        p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
        return (p * ((p + 1e-2).log() - (q + 1e-2).log())).sum(-1).mean()

    told = verdict(biased)
    assert told.standing is Standing.BROKEN
    assert "pulls the student away" in told.says


def test_hard_labels_of_a_teacher_are_no_divergence():
    def hard(student_logits, teacher_logits):
        return F.cross_entropy(student_logits.flatten(0, 1), teacher_logits.argmax(-1).flatten())

    told = verdict(hard)
    assert told.standing is Standing.ALLOWED
    assert "hard labels" in told.says


def test_a_ranking_is_no_divergence():
    def list_mle(logits, teacher_logits):
        at = teacher_logits.argsort(dim=-1, descending=True)
        mine = logits.gather(-1, at)
        return -(mine - mine.flip(-1).logcumsumexp(-1).flip(-1)).sum(-1).mean()

    told = verdict(list_mle)
    assert told.standing is Standing.ALLOWED
    assert "a loss of an order" in told.says


def test_a_clip_of_every_entry_is_lower_elsewhere():
    """A KL is a sum of entries that may be negative (trl #5990)."""

    def clipped(student_logits, teacher_logits):
        log_q, log_p = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
        return (log_p.exp() * (log_p - log_q)).clamp(max=0.05).sum(-1).mean()

    told = verdict(clipped)
    assert told.standing is Standing.BROKEN
    assert "lower at other logits" in told.says


def test_rows_against_the_rows_beside_them_are_broken():
    def shifted(student_logits, teacher_logits):
        p = torch.roll(teacher_logits, 1, dims=1).log_softmax(-1)
        return (p.exp() * (p - student_logits.log_softmax(-1))).sum(-1).mean()

    assert "shifted against each other" in verdict(shifted).says


def test_likeliest_tokens_of_each_by_themselves_are_not_compared():
    def topk(student_logits, teacher_logits):
        """Of the k likeliest."""
        p, q = (x.topk(4, dim=-1).values.log_softmax(-1) for x in (teacher_logits, student_logits))
        return (p.exp() * (p - q)).sum(-1).mean()

    def topk_gathered(student_logits, teacher_logits):
        """Of the teacher's k likeliest."""
        p, at = teacher_logits.topk(4, dim=-1)
        p, q = p.log_softmax(-1), student_logits.gather(-1, at).log_softmax(-1)
        return (p.exp() * (p - q)).sum(-1).mean()

    def topk_sorted(student_logits, teacher_logits):
        """Universal logit distillation: of two vocabularies, sorted."""
        p, q = (x.softmax(-1).topk(4, dim=-1).values for x in (teacher_logits, student_logits))
        return (p - q).square().sum(-1).mean()

    assert "which token is which" in verdict(topk).says
    assert verdict(topk).standing is Standing.BROKEN
    assert verdict(topk_sorted).standing is verdict(topk_gathered).standing is Standing.ALLOWED


def test_an_importance_ratio_has_to_be_held_constant():
    def ratio(student_logits, teacher_logits, labels, held):
        keep = labels != -100
        p, q = teacher_logits.log_softmax(-1), student_logits.log_softmax(-1)
        at = labels.masked_fill(~keep, 0)[..., None]
        w = (p - q).gather(-1, at)[..., 0].exp().clamp(max=2)
        w = w.detach() if held else w
        return (w * (q.exp() * (q - p)).sum(-1) * keep).sum() / keep.sum().clamp_min(1)

    def live(student_logits, teacher_logits, labels):
        return ratio(student_logits, teacher_logits, labels, held=False)

    def focal(student_logits, teacher_logits, labels):
        return ratio(student_logits, teacher_logits, labels, held=False)

    told = verdict(live)
    assert told.standing is Standing.BROKEN
    assert "the student's probability of the label that is not detached" in told.says
    assert verdict(focal).standing is Standing.ALLOWED
    held = Call(lambda student_logits, teacher_logits, labels: ratio(student_logits, teacher_logits, labels, held=True))
    assert found(discover(held, 0), 0).known
