# ruff: noqa: ARG002, N803
"""Right losses of several styles, each called in another way. ``EXPECTED`` says what each must be found to be."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def plain(student_logits, teacher_logits, labels=None, temperature=1.0):
    log_q = F.log_softmax(student_logits.float() / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits.float() / temperature, dim=-1)
    rows = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    if labels is None:
        return rows.mean()
    counts = labels != -100
    return torch.where(counts, rows, 0.0).sum() / counts.sum().clamp_min(1)


def cross_entropy_form(y_s, y_t, T=2.0):
    return -(F.softmax(y_t / T, dim=1) * F.log_softmax(y_s / T, dim=1)).sum(1).mean() * T**2


def by_count(logits, teacher_logits, labels, num_items_in_batch=None):
    rows = F.kl_div(F.log_softmax(logits, -1), F.log_softmax(teacher_logits, -1), reduction="none", log_target=True)
    counts = labels != -100
    rows = rows.sum(-1).masked_fill(~counts, 0.0)
    return rows.sum() / (num_items_in_batch if num_items_in_batch is not None else counts.sum().clamp_min(1))


def reverse_kl(student_log_probs, teacher_log_probs, loss_mask):
    rows = (student_log_probs.exp() * (student_log_probs - teacher_log_probs)).sum(-1)
    return rows[loss_mask.bool()].sum() / loss_mask.sum().clamp(min=1)


def input_target(input, target):
    """As F.kl_div has it: log-probabilities and probabilities."""
    return F.kl_div(input, target, reduction="batchmean")


def shifted(student_logits, teacher_logits, labels, alpha=0.5, temperature=2.0):
    student, teacher, following = student_logits[..., :-1, :], teacher_logits[..., :-1, :], labels[..., 1:]
    counts = following != -100
    rows = F.kl_div(
        F.log_softmax(student / temperature, -1),
        F.log_softmax(teacher / temperature, -1),
        reduction="none",
        log_target=True,
    ).sum(-1)
    some = counts.sum().clamp_min(1)
    kd = (rows * counts).sum() / some * temperature**2
    ce = F.cross_entropy(student.flatten(0, 1), following.flatten(), reduction="sum") / some
    return {"loss": alpha * ce + (1 - alpha) * kd, "kd": kd.detach()}


def no_model(logits, teacher_logits, no_model_batch):
    counts = (no_model_batch["label"] != -100).int()
    rows = (F.softmax(teacher_logits, -1) * F.log_softmax(logits, -1)).sum(-1)
    return -(rows * counts).sum() / counts.sum().clamp_min(1)


def per_token(student_logits, teacher_logits):
    return F.kl_div(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1), reduction="none").sum(-1)


def unknown(student_logits, teacher_logits):
    """A power of the total variation: none that is in the books."""
    apart = (F.softmax(student_logits, -1) - F.softmax(teacher_logits, -1)).pow(4).sum(-1)
    return apart.mean()


def chunked(student_logits: list[Tensor], teacher_logits: list[Tensor], labels: Tensor):
    total, counts = torch.zeros(()), (labels != -100).sum().clamp_min(1)
    for student, teacher, some in zip(student_logits, teacher_logits, labels.chunk(2, dim=1), strict=True):
        rows = F.kl_div(F.log_softmax(student, -1), F.log_softmax(teacher, -1), reduction="none", log_target=True)
        total = total + rows.sum(-1).masked_fill(some == -100, 0.0).sum()
    return total / counts


def outputs(student_outputs, teacher_outputs, attention_mask):
    rows = F.kl_div(
        F.log_softmax(student_outputs.logits, -1),
        F.log_softmax(teacher_outputs.logits, -1),
        reduction="none",
        log_target=True,
    )
    return (rows.sum(-1) * attention_mask).sum() / attention_mask.sum().clamp(min=1), {"kl": 0.0}


class Module(nn.Module):
    """beta = 0 is forward KL, beta = 1 reverse KL."""

    def __init__(self, beta: float = 0.5, temperature: float = 1.0, ignore_index: int = -100) -> None:
        super().__init__()
        self.beta, self.temperature, self.ignore_index = beta, temperature, ignore_index

    def forward(self, student_logits, teacher_logits, labels):
        log_q = F.log_softmax(student_logits.float() / self.temperature, -1)
        log_p = F.log_softmax(teacher_logits.float() / self.temperature, -1)
        if self.beta in (0, 1):
            low, high = (log_q, log_p) if self.beta == 0 else (log_p, log_q)
            rows = F.kl_div(low, high, reduction="none", log_target=True).sum(-1)
        else:
            b = torch.tensor(self.beta)
            m = torch.logsumexp(torch.stack([log_p + b.log(), log_q + (1 - b).log()]), 0)
            kl = [F.kl_div(m, one, reduction="none", log_target=True).sum(-1) for one in (log_p, log_q)]
            rows = self.beta * kl[0] + (1 - self.beta) * kl[1]
        counts = labels != self.ignore_index
        return rows[counts].sum() / counts.sum().clamp_min(1)


class Fused:
    def __init__(self, weight_hard_loss: float = 0.5, weight_soft_loss: float = 0.5, compiled: bool = True) -> None:
        self.hard, self.soft = weight_hard_loss, weight_soft_loss
        assert not compiled

    def __call__(self, student_input, student_weight, teacher_input, teacher_weight, true_labels, bias=None):
        student, teacher = student_input @ student_weight.T, (teacher_input @ teacher_weight.T).detach()
        counts = (true_labels != -100).float()
        some = counts.sum().clamp_min(1)
        rows = F.kl_div(F.log_softmax(student, -1), F.log_softmax(teacher, -1), reduction="none", log_target=True)
        hard = F.cross_entropy(student, true_labels, reduction="sum") / some
        soft = rows.sum(-1).masked_fill(true_labels == -100, 0.0).sum() / some
        return self.hard * hard + self.soft * soft, soft


class Trainer:
    """What a trainer has: settings on itself, models, and a method that takes a batch."""

    @staticmethod
    def static(student_logits, teacher_logits, labels=None):
        return plain(student_logits, teacher_logits, labels)

    def method(self, student_logits, teacher_logits, labels):
        return plain(student_logits, teacher_logits, labels, self.args.temperature)

    def compute_loss(self, model, inputs, return_outputs=False):
        out = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        with torch.no_grad():
            teacher = self.teacher_model(input_ids=inputs["input_ids"])
        loss = plain(out.logits, teacher.logits, inputs["labels"], self.temperature)
        return (loss, out) if return_outputs else loss


def smoothed(student_logits, teacher_logits, labels, temperature=2.0, alpha=0.5):
    """The label loss is smoothed."""
    counts = labels != -100
    some = counts.sum().clamp_min(1)
    log_q, log_p = ((x / temperature).log_softmax(-1) for x in (student_logits, teacher_logits))
    rows = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1).masked_fill(~counts, 0.0)
    flat, ids = student_logits.flatten(0, 1), labels.flatten()
    hard = F.cross_entropy(flat, ids, reduction="sum", label_smoothing=0.1) / some
    return (1 - alpha) * hard + alpha * rows.sum() / some * temperature**2


def entropy_weighted(student_logits, teacher_logits, labels):
    """Rows at which the student is unsure weigh more; the weight is held constant."""
    log_q, log_p = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
    with torch.no_grad():
        weight = -(log_q.exp() * log_q).sum(-1)
    counts = labels != -100
    rows = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    return (weight * rows).masked_fill(~counts, 0.0).sum() / counts.sum().clamp_min(1)


def interpolated(student_logits, teacher_logits, labels, t: float = 0.4):
    """The target is between student and teacher, and held constant (TAID, arXiv 2501.16937)."""
    target = ((1 - t) * student_logits.detach() + t * teacher_logits).softmax(-1)
    counts = labels != -100
    rows = -(target * student_logits.log_softmax(-1)).sum(-1)
    return rows.masked_fill(~counts, 0.0).sum() / counts.sum().clamp_min(1)


def sorted_probabilities(student_logits, teacher_logits, labels):
    """The universal logit distance (arXiv 2402.12030), each sequence with a mean of its own."""
    student, teacher = (x.softmax(-1).sort(dim=-1).values for x in (student_logits, teacher_logits))
    counts = labels != -100
    rows = (student - teacher).abs().sum(-1).masked_fill(~counts, 0.0)
    return (rows.sum(-1) / counts.sum(-1).clamp_min(1)).mean()


EXPECTED = {
    "smoothed": "forward KL",
    "entropy_weighted": "forward KL",
    "interpolated": "",
    "sorted_probabilities": "",
    "plain": "forward KL",
    "cross_entropy_form": "forward KL",
    "by_count": "forward KL",
    "reverse_kl": "reverse KL",
    "input_target": "forward KL",
    "shifted": "forward KL",
    "no_model": "forward KL",
    "per_token": "forward KL",
    "unknown": "",
    "chunked": "forward KL",
    "outputs": "forward KL",
    "Module": "generalised JSD",
    "Fused": "forward KL",
    "Trainer.static": "forward KL",
    "Trainer.method": "forward KL",
    "Trainer.compute_loss": "forward KL",
}
