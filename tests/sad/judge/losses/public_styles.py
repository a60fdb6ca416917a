# ruff: noqa: ARG001, ARG002, N803
"""Losses in the styles of public repositories, in words of our own: what ``STYLES`` says is what must come of each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def _kl(student, teacher, t, reduction):
    return F.kl_div(F.log_softmax(student / t, -1), F.softmax(teacher / t, -1), reduction=reduction) * t**2


class Named(nn.Module):
    """Tensors that are called student and teacher, with the label of each example."""

    def __init__(self, tau=1.0, loss_weight=1.0, num_classes=1000):
        super().__init__()
        self.tau, self.loss_weight, self.num_classes = tau, loss_weight, num_classes

    def forward(self, student, teacher, gt_labels):
        one_hot = F.one_hot(gt_labels, self.num_classes)
        assert one_hot.shape == student.shape
        rows = -(F.softmax(teacher / self.tau, 1) * F.log_softmax(student / self.tau, 1)).sum(1)
        return self.loss_weight * self.tau**2 * rows.mean()


class TwoHeads(nn.Module):
    """An image classifier with a head for its labels and one for its teacher."""

    def __init__(self, base_criterion, teacher_model, distillation_type, alpha, tau):
        super().__init__()
        assert distillation_type in ["none", "soft", "hard"]
        self.base_criterion, self.teacher_model, self.kind = base_criterion, teacher_model, distillation_type
        self.alpha, self.tau = alpha, tau

    def forward(self, inputs, outputs, labels):
        outputs, outputs_kd = outputs
        base = self.base_criterion(outputs, labels)
        with torch.no_grad():
            teacher = self.teacher_model(inputs)
        if self.kind == "hard":
            return F.cross_entropy(outputs_kd, teacher.argmax(dim=1))
        return (1 - self.alpha) * base + self.alpha * _kl(outputs_kd, teacher, self.tau, "batchmean")


class ClassifierTrainer:
    """Trains a small model ForSequenceClassification."""

    def compute_loss(self, model, inputs, return_outputs=False):
        mine = model(**inputs)
        with torch.no_grad():
            theirs = self.teacher(**inputs)
        kd = _kl(mine.logits, theirs.logits, self.args.temperature, "batchmean")
        return self.args.alpha * mine.loss + (1 - self.args.alpha) * kd


class TextTrainer:
    """Trains a small model ForCausalLM, with reduction="batchmean"."""

    def compute_loss(self, model, inputs, return_outputs=False):
        next(model.parameters())
        mine = model(**inputs)
        with torch.no_grad():
            theirs = self.teacher(**inputs)
        kd = _kl(mine.logits, theirs.logits, self.args.temperature, "batchmean")
        return self.args.alpha * mine.loss + (1 - self.args.alpha) * kd


class Stored:
    """A teacher's probabilities that were stored, and are called logits."""

    def __init__(self, logits_dir=None, max_seq_length=1024, kind: str = "forward"):
        self.logits_dir, self.max_seq_length, self.kind = logits_dir, max_seq_length, kind

    def loss(self, student_logits, teacher_logits, labels):
        student_logits = student_logits[:, : self.max_seq_length]
        teacher_probs = teacher_logits[:, : student_logits.size(1)]
        mask = (labels != -100).float()
        if self.kind != "forward":
            raise NameError(self.kind)
        rows = F.kl_div(F.log_softmax(student_logits, -1), teacher_probs, reduction="none").sum(-1) / mask.sum()
        return (rows * mask).sum() / mask.sum()


def softened(output, target_output):
    heat = 4.0
    return -(torch.softmax(target_output / heat, dim=1) * torch.log_softmax(output / heat, dim=1)).sum(dim=1).mean()


def first_places(state_S, state_T, mask=None):
    """The first place of a text stands for all of it."""
    mine, theirs = (x[:, 0] if x.dim() == 3 else x for x in (state_S, state_T))
    return (F.normalize(mine, dim=1) - F.normalize(theirs, dim=1)).pow(2).sum(dim=-1).mean()


def unread(student_logits, teacher_logits, labels):
    """For a causal language model."""
    return _kl(student_logits, teacher_logits, 1.0, "none").sum(-1).mean()


def unsquared_mean(outputs, labels, teacher_outputs, T, alpha):
    soft = F.kl_div(F.log_softmax(outputs / T, 1), F.softmax(teacher_outputs / T, 1), reduction="mean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(outputs, labels)


class Summed(nn.Module):
    def __init__(self, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, preds_S, preds_T):
        return _kl(preds_S, preds_T, 1.0, "none").sum()


def gap_weighted(student_logits, teacher_logits):
    """Both KLs, weighed by gaps that are not detached, and none where there is no gap."""
    q, p = F.softmax(student_logits, -1), F.softmax(teacher_logits, -1)
    gap = (p - q).abs()
    head = (gap * (p > 0.1)).sum(-1) / gap.sum(-1)
    return -(head * (p * q.log()).sum(-1) - (1 - head) * (q * (q / p).log()).sum(-1)).mean()


def related(student_logits, teacher_logits):
    """Similarities of examples."""
    mine, theirs = (
        F.cosine_similarity(x.unsqueeze(1), x.unsqueeze(0), dim=-1) for x in (student_logits, teacher_logits)
    )
    return F.mse_loss(mine, theirs)


def margin(source, target, margin=2):
    return (F.relu(source + margin) ** 2 * (target <= 0)).mean()


def row_weights(student_logits, teacher_logits, weights, temperature=2.0):
    rows = _kl(student_logits, teacher_logits, temperature, "none").sum(-1)
    return (rows * weights / weights.mean()).mean()


def attention_maps(attention_S, attention_T, mask=None):
    assert attention_S.dim() == 4, "[batch, heads, length, length]"
    return F.mse_loss(attention_S, attention_T)


def many_labels(student_logits, teacher_probs, labels, temperature):
    return F.binary_cross_entropy_with_logits(student_logits, labels) + _kl(student_logits, teacher_probs, 1.0, "sum")


def undefined(student_logits, teacher_logits):
    return lam * _kl(student_logits, teacher_logits, 1.0, "sum")  # noqa: F821 - that is its fault


def mixed_up_axes(student_logits, teacher_logits):
    raise ValueError("shapes do not fit")


def halved(student_states, teacher_states):
    return F.mse_loss(student_states.float(), teacher_states.float()).half()


def heads(student_predictions, teacher_predictions, student_targets, teacher_targets):
    """Outputs of two models, and the labels of each."""
    keep = student_targets[:, 1:] != -100
    assert torch.equal(student_targets, teacher_targets)
    rows = _kl(student_predictions.logits[:, :-1], teacher_predictions.logits[:, :-1], 1.0, "none").sum(-1)
    return student_predictions.loss + (rows * keep).sum() / keep.sum().clamp_min(1)


def with_models(args, tokenizer, model, teacher_model, model_batch, no_model_batch, logits):
    with torch.no_grad():
        teacher_logits = teacher_model(**model_batch, use_cache=False).logits
    if args.model_parallel:
        raise NotImplementedError
    keep = no_model_batch["label"] != -100
    return (_kl(logits, teacher_logits, 1.0, "none").sum(-1) * keep).sum() / keep.sum().clamp_min(1)


class Selecting:
    """A mask of integers, as a tokenizer gives it, in place of one of bools."""

    def compute_loss(self, model, inputs):
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])["logits"]
        some = torch.masked_select(logits, inputs["attention_mask"][..., None].expand_as(logits))
        return some.square().sum()


HOLDS = {
    "Named": "forward KL",
    "TwoHeads": "forward KL",
    "ClassifierTrainer.compute_loss": "forward KL",
    "softened": "forward KL",
    "first_places": "1 - cosine of the logits",
    "related": "none that I know",
    "margin": "none that I know",
    "row_weights": "forward KL",
    "halved": "squared error",
    "heads": "forward KL",
    "with_models": "forward KL",
}
"""What each right one is found to be."""
BREAKS = {
    "TextTrainer.compute_loss": ("divisor", "batchmean of [batch, length, vocab]"),
    "Stored.loss": ("known_divergence", "the rows that count twice over"),
    "unread": ("arguments_have_effect", "-100"),
    "unsquared_mean": ("temperature_squared", "beside a label loss"),
    "Summed": ("claims", "its reduction is 'mean', and it is a sum"),
    "gap_weighted": ("known_divergence", "and next to it its gradient's norm is"),
    "undefined": ("can_be_called", "NameError"),
    "mixed_up_axes": ("can_be_called", "shapes do not fit"),
}
"""Which property each faulty one breaks, and a word that tells why."""
UNTOLD = {"attention_maps": "AssertionError", "many_labels": "ValueError"}
"""What is refused, and what it raised: another way of calling it may be right."""


class Softener(nn.Module):
    """The teacher's probabilities were softened before."""

    def __init__(self, T):
        super().__init__()
        self.T = T

    def forward(self, y_s, p_t):
        return F.kl_div(F.log_softmax(y_s / self.T, 1), p_t, reduction="sum") * self.T**2 / len(y_s)


class AddsUp(nn.Module):
    """Its weights must add up to 1, and its reduction must be said."""

    def __init__(self, reduction: str, temperature: float = 2.0, alpha: float = 0.3, beta: float = 0.7):
        super().__init__()
        assert abs(alpha + beta - 1) < 1e-6, "the weights add up to 1"
        self.alpha, self.beta, self.temperature, self.reduction = alpha, beta, temperature, reduction

    def forward(self, student_logits, teacher_logits, targets):
        soft = _kl(student_logits, teacher_logits, self.temperature, self.reduction)
        return self.alpha * F.cross_entropy(student_logits, targets) + self.beta * soft


def clamped(student_logits, teacher_logits):
    """Infinite, for all to see, where both rule a token out."""
    p = F.softmax(teacher_logits, -1).clamp(min=1e-10)
    return F.kl_div(F.log_softmax(student_logits, -1), p, reduction="none").sum(-1).mean()


HOLDS |= {"Softener": "forward KL", "AddsUp": "forward KL", "clamped": "forward KL"}


class FromTheFront(nn.Module):
    """Rows of classes, whose axis 1 is theirs."""

    def __init__(self, temp: float, reduction: str):
        super().__init__()
        self.temp = temp

    def forward(self, teacher_logits, student_logits):
        return _kl(student_logits, teacher_logits, self.temp, "none").sum(1).mean()


HOLDS |= {"FromTheFront": "forward KL"}


def geometric_jsd(student_logits, teacher_logits, beta=0.5):
    """A mixture of logarithms is no mixture: at 0.5 it is a quarter of both KLs."""
    log_q, log_p = F.log_softmax(student_logits, -1), F.log_softmax(teacher_logits, -1)
    m = beta * log_q + (1 - beta) * log_p
    rows = [F.kl_div(m, x, reduction="none", log_target=True).sum(-1) for x in (log_p, log_q)]
    return (beta * rows[0] + (1 - beta) * rows[1]).mean()


BREAKS |= {"geometric_jsd": ("claims", "says Jensen-Shannon, and it is beta forward KL")}


def gkd_objective(student_logits, teacher_logits, beta=0.5):
    """The generalized Jensen-Shannon divergence."""
    return geometric_jsd(student_logits, teacher_logits, beta)


BREAKS |= {"gkd_objective": ("claims", "it names the generalised JSD, and it is beta forward KL")}
