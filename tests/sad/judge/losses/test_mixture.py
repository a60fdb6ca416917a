"""A label loss that is mixed in goes with its divergence, or does not."""

from __future__ import annotations

import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.mixture import unlike, without_labels


def _kl(student_logits, teacher_logits, reduction):
    return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction=reduction)


def summed(student_logits, teacher_logits, labels, alpha=0.5):
    """Of examples with one class each."""
    return alpha * _kl(student_logits, teacher_logits, "sum") + (1 - alpha) * F.cross_entropy(student_logits, labels)


def both_means(student_logits, teacher_logits, labels, alpha=0.5):
    soft = _kl(student_logits, teacher_logits, "batchmean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


def of_texts(student_logits, teacher_logits, labels):
    """Logits are [batch, seq_len, vocab]."""
    hard = F.cross_entropy(student_logits.flatten(0, 1), labels.flatten())
    return _kl(student_logits, teacher_logits, "batchmean") + hard


def test_a_sum_beside_a_mean_is_told():
    assert "summed over the batch" in unlike(discover(Call(summed), 0), 0)[0]
    assert unlike(discover(Call(both_means), 0), 0) == []
    assert "changes with the length" in unlike(discover(Call(of_texts), 0), 0)[0]


def test_a_weight_of_the_label_loss_is_held_where_there_is_none():
    shape, said = without_labels(discover(Call(both_means), 0))
    assert not shape.fit.labels
    assert "judged at alpha = 1" in said[0]
    shape, said = without_labels(discover(Call(of_texts), 0))
    assert shape.fit.labels == "own"
    assert "taken off" in said[0]
