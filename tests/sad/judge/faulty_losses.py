# ruff: noqa: ARG001
"""Faulty losses. ``EXPECTED`` says which property must break on each, and a word that tells why."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _rows(log_q, log_p):
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)


def _both(student, teacher, t=1.0):
    return F.log_softmax(student / t, -1), F.log_softmax(teacher / t, -1)


def swapped(student_logits, teacher_logits):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_p, log_q).mean()


def reverse_kl(student_logits, teacher_logits):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p).mean()


def element_mean(student_logits, teacher_logits):
    return F.kl_div(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1), reduction="mean")


def probabilities(student_logits, teacher_logits):
    return F.kl_div(F.softmax(student_logits, -1), F.softmax(teacher_logits, -1), reduction="batchmean")


def twice_softmaxed(student_logits, teacher_probs):
    return F.kl_div(F.log_softmax(student_logits, -1), F.softmax(teacher_probs, -1), reduction="batchmean")


def crossed_jsd(student_logits, teacher_logits, beta=0.5):
    log_q, log_p = _both(student_logits, teacher_logits)
    m = (beta * log_q.exp() + (1 - beta) * log_p.exp()).log()
    return (beta * _rows(m, log_p) + (1 - beta) * _rows(m, log_q)).mean()


class EndsExchanged(nn.Module):
    """The generalised JSD: beta = 0 is forward KL, beta = 1 is reverse KL."""

    def __init__(self, beta: float = 0.5) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, student_logits, teacher_logits):
        log_q, log_p = _both(student_logits, teacher_logits)
        if self.beta == 0:
            return _rows(log_p, log_q).mean()
        if self.beta == 1:
            return _rows(log_q, log_p).mean()
        m = (self.beta * log_p.exp() + (1 - self.beta) * log_q.exp()).log()
        return (self.beta * _rows(m, log_p) + (1 - self.beta) * _rows(m, log_q)).mean()


def labels_unused(student_logits, teacher_logits, labels, ignore_index=-100):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p).mean()


def count_unused(student_logits, teacher_logits, labels, num_items_in_batch=None):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p)[labels != -100].mean()


def temperature_unused(student_logits, teacher_logits, temperature=2.0):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p).mean()


def one_side_softened(student_logits, teacher_logits, temperature=2.0):
    log_q, log_p = F.log_softmax(student_logits, -1), F.log_softmax(teacher_logits / temperature, -1)
    return _rows(log_q, log_p).mean()


def square_missing(student_logits, teacher_logits, labels, alpha=0.5, temperature=2.0):
    log_q, log_p = _both(student_logits, teacher_logits, temperature)
    ce = F.cross_entropy(student_logits.flatten(0, 1), labels.flatten())
    return alpha * ce + (1 - alpha) * _rows(log_q, log_p)[labels != -100].mean()


def cut_not_shifted(student_logits, teacher_logits, labels):
    log_q, log_p = _both(student_logits[:, :-1], teacher_logits[:, :-1])
    return _rows(log_q, log_p)[labels[:, :-1] != -100].mean()


def shifted_apart(student_logits, teacher_logits):
    """Over [batch, sequence, vocab]."""
    log_q, log_p = _both(student_logits[:, 1:], teacher_logits[:, :-1])
    return _rows(log_q, log_p).mean()


def batchmean_of_three_axes(student_logits, teacher_logits):
    """Logits are [batch, seq_len, vocab]."""
    return F.kl_div(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1), reduction="batchmean")


def divided_twice(student_logits, teacher_logits, mask):
    log_q, log_p = _both(student_logits, teacher_logits)
    rows = _rows(log_q, log_p) / mask.sum()
    return (rows * mask).sum() / mask.sum()


def no_entropy(student_logits, teacher_logits):
    """The reverse KL."""
    log_q, log_p = _both(student_logits, teacher_logits)
    return -(log_q.exp() * log_p).sum(-1).mean()


def in_place(student_logits, teacher_logits, temperature=2.0):
    log_q, log_p = _both(student_logits.div_(temperature), teacher_logits.div_(temperature))
    return _rows(log_q, log_p).mean()


def clamped(student_logits: Tensor, teacher_logits: Tensor):
    log_q, log_p = _both(student_logits.clamp(-3, 3), teacher_logits.clamp(-3, 3))
    return _rows(log_q, log_p).mean()


def detached(student_logits, teacher_logits):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p).mean().item()


def masked_nan(student_log_probs, teacher_log_probs, loss_mask):
    """Reverse KL."""
    rows = torch.nan_to_num(student_log_probs.exp() * (student_log_probs - teacher_log_probs)).sum(-1)
    return (rows * loss_mask).sum() / loss_mask.sum().clamp(min=1)


def _mixed(student_logits, teacher_logits, labels, t, heat):
    counts = labels != -100
    log_q, log_p = _both(student_logits, teacher_logits, t)
    ce = F.cross_entropy((student_logits / heat)[counts], labels[counts])
    return ce, _rows(log_q, log_p)[counts].mean()


def softened_labels(student_logits, teacher_logits, labels, temperature=2.0, alpha=0.5):
    ce, kd = _mixed(student_logits, teacher_logits, labels, temperature, temperature)
    return alpha * kd * temperature**2 + (1 - alpha) * ce


def softened_labels_inside(student_logits, teacher_logits, labels):
    ce, kd = _mixed(student_logits, teacher_logits, labels, 2.0, 2.0)
    return 0.5 * kd * 4 + 0.5 * ce


def squared_labels(student_logits, teacher_logits, labels, temperature=2.0, alpha=0.5):
    ce, kd = _mixed(student_logits, teacher_logits, labels, temperature, 1.0)
    return (alpha * kd + (1 - alpha) * ce) * temperature**2


def one_more_each(student_logits, teacher_logits, labels):
    log_q, log_p = _both(student_logits, teacher_logits)
    counts = labels != -100
    return _rows(log_q, log_p).masked_fill(~counts, 0.0).sum() / (counts.sum() + len(counts))


def mean_length(student_logits, teacher_logits, attention_mask):
    log_q, log_p = _both(student_logits, teacher_logits)
    return (_rows(log_q, log_p) * attention_mask).sum() / attention_mask.sum(-1).float().mean()


def entropy_not_detached(student_logits, teacher_logits, labels):
    log_q, log_p = _both(student_logits, teacher_logits)
    counts = labels != -100
    unsure = -(log_q.exp() * log_q).sum(-1)
    return (unsure * _rows(log_q, log_p)).masked_fill(~counts, 0.0).sum() / counts.sum().clamp_min(1)


def gap_not_detached(student_logits, teacher_logits, labels):
    """Difficult rows have a larger weight."""
    log_q, log_p = _both(student_logits, teacher_logits)
    counts = labels != -100
    weight = (log_p.exp() - log_q.exp()).abs().sum(-1)
    return (weight * _rows(log_q, log_p)).masked_fill(~counts, 0.0).sum() / counts.sum().clamp_min(1)


def mean_of_nothing(student_logits, teacher_logits, labels):
    log_q, log_p = _both(student_logits, teacher_logits)
    return _rows(log_q, log_p)[labels != -100].mean()


def labels_forgotten(student_logits, teacher_logits, labels):
    """None that is known; -100 is not looked at."""
    return (student_logits.softmax(-1) - teacher_logits.softmax(-1)).pow(4).sum(-1).mean()


EXPECTED = {
    "softened_labels": ("known_divergence", "taken on logits divided by the temperature"),
    "softened_labels_inside": ("known_divergence", "taken on logits divided by the temperature, 2"),
    "squared_labels": ("known_divergence", "multiplied by T squared"),
    "one_more_each": ("divisor", "no usual divisor"),
    "mean_length": ("known_divergence", "the mean length"),
    "entropy_not_detached": ("known_divergence", "the student's entropy that is not detached"),
    "gap_not_detached": ("known_divergence", "the distance between the probabilities that is not detached"),
    "mean_of_nothing": ("finite", "over nothing"),
    "labels_forgotten": ("ignored_rows", "rows without a label"),
    "swapped": ("claims", "the reverse KL"),
    "reverse_kl": ("claims", "says reverse"),
    "element_mean": ("known_divergence", "vocabulary"),
    "probabilities": ("known_divergence", "takes log-probabilities"),
    "twice_softmaxed": ("known_divergence", "softmax"),
    "crossed_jsd": ("known_divergence", "exchanged on one side"),
    "EndsExchanged": ("claims", "forward KL at 0"),
    "labels_unused": ("ignored_rows", "rows without a label"),
    "count_unused": ("known_divergence", "takes a count"),
    "temperature_unused": ("known_divergence", "not used"),
    "one_side_softened": ("known_divergence", "teacher alone"),
    "square_missing": ("temperature_squared", "T squared"),
    "cut_not_shifted": ("known_divergence", "not shifted"),
    "shifted_apart": ("known_divergence", "shifted against each other"),
    "batchmean_of_three_axes": ("divisor", "5 times a mean"),
    "divided_twice": ("known_divergence", "twice over"),
    "no_entropy": ("known_divergence", "entropy"),
    "in_place": ("inputs_untouched", "in place"),
    "clamped": ("known_divergence", "cut off"),
    "detached": ("can_be_called", "no gradient"),
    "masked_nan": ("finite", "not finite"),
}
