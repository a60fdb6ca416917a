# ruff: noqa: ARG001, ARG002
"""Arguments that change nothing are told, without any docs; those of an optional part are allowed."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import nn

from sad.judge.check import check, judged
from sad.verdict import Standing

ONLY = ("known_divergence", "arguments_have_effect")


def _kl(student_logits, teacher_logits):
    rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none")
    return rows.sum(-1).mean()


def plain(student_logits, teacher_logits, labels, temperature=2.0):
    t = temperature
    mine, theirs = F.log_softmax(student_logits / t, dim=-1), F.softmax(teacher_logits / t, dim=-1)
    return F.kl_div(mine, theirs, reduction="batchmean") * t * t


def classes(student_logits, teacher_logits, labels):
    assert student_logits.dim() == 2
    return _kl(student_logits, teacher_logits)


def looked_at(student_logits, teacher_logits, labels=None):
    chosen = labels is not None and labels != 0  # noqa: F841
    return _kl(student_logits, teacher_logits)


def times_nothing(student_logits, teacher_logits, labels):
    return _kl(student_logits, teacher_logits) + 0.0 * labels.sum()


def masked(student_logits, teacher_logits, mask):
    return _kl(student_logits, teacher_logits)


def index(student_logits, teacher_logits, ignore_index=-100):
    return _kl(student_logits, teacher_logits)


def word(student_logits, teacher_logits, reduction="mean"):
    return _kl(student_logits, teacher_logits)


def heat(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits)


def weights(student_logits, teacher_logits, token_weights):
    return _kl(student_logits, teacher_logits)


class Module(nn.Module):
    def forward(self, student_logits, teacher_logits, labels):
        return _kl(student_logits, teacher_logits)


class Constructed(nn.Module):
    def __init__(self, ignore_index=-100, reduction="sum"):
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, student_logits, teacher_logits):
        return _kl(student_logits, teacher_logits)


class Reduced(nn.Module):
    def __init__(self, reduction="sum"):
        super().__init__()
        self.reduction = reduction

    def forward(self, student_logits, teacher_logits):
        return _kl(student_logits, teacher_logits)


def unread(student_logits, teacher_logits, beta=0.5):
    return _kl(student_logits, teacher_logits)


def both(student_logits, teacher_logits, labels, padding_mask):
    return kept(student_logits, teacher_logits, labels)


BROKEN = {
    "padding_mask": (both,),
    "labels": (plain, classes, looked_at, times_nothing, Module()),
    "mask": (masked,),
    "ignore_index": (index, Constructed),
    "reduction": (word, Reduced),
    "temperature": (heat,),
    "token_weights": (weights,),
    "beta": (unread,),
}


@pytest.mark.parametrize(("name", "loss"), [(name, loss) for name, losses in BROKEN.items() for loss in losses])
def test_an_argument_without_effect_is_broken(name, loss):
    (line,) = [line for line in judged(loss, only=ONLY).lines if line.name == "arguments_have_effect"]
    assert line.standing is Standing.BROKEN
    assert name == "mask" or f"the argument {name} has no effect" in line.says
    assert line.example


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (index, "the argument ignore_index has no effect: every row counts, padding too"),
        (both, "the argument padding_mask has no effect: only labels is read; leave it away"),
        (plain, "labels has no effect: no row is left out where they are -100, and there is no label loss"),
        (heat, "the argument temperature has no effect: leave it away, or read it"),
    ],
)
def test_it_is_told_what_that_means(loss, told):
    (line,) = [line for line in judged(loss, only=ONLY).lines if line.name == "arguments_have_effect"]
    assert told in line.says


def test_the_smallest_input_shows_it():
    with pytest.raises(
        AssertionError, match=r"one row: the loss is [\d.]+ with labels as usual, and with \[+0\]+ and \[+-100\]+"
    ):
        check(plain, only=ONLY)


def off(student_logits, teacher_logits, labels=None, alpha=0.0):
    kl = _kl(student_logits, teacher_logits)
    if labels is None or alpha == 0:
        return kl
    return (1 - alpha) * kl + alpha * F.cross_entropy(student_logits.flatten(0, -2), labels.flatten())


def switched(student_logits, teacher_logits, labels, hard=False):
    kl = _kl(student_logits, teacher_logits)
    return kl + F.cross_entropy(student_logits.flatten(0, -2), labels.flatten()) if hard else kl


def handed(student_logits, teacher_logits, labels, extra=None):
    kl = _kl(student_logits, teacher_logits)
    if extra is not None:
        kl = kl + extra(student_logits, labels)
    return kl


def declared(student_logits, teacher_logits, _labels):
    return _kl(student_logits, teacher_logits)


def first_places(student_states, teacher_states, mask=None):
    mine, theirs = (x[:, 0] if x.dim() == 3 else x for x in (student_states, teacher_states))
    return (F.normalize(mine, dim=1) - F.normalize(theirs, dim=1)).pow(2).sum(dim=-1).mean()


def of_no_weight(student_logits, teacher_logits, labels, hard_weight=0.0):
    kl = _kl(student_logits, teacher_logits)
    return kl + hard_weight * F.cross_entropy(student_logits.flatten(0, -2), labels.flatten())


def of_a_plain_number(student_logits, teacher_logits, labels, mu=0.0):
    return of_no_weight(student_logits, teacher_logits, labels, mu)


class Switched(nn.Module):
    def __init__(self, hard=False, reduction="mean"):
        super().__init__()
        self.hard, self.reduction = hard, reduction

    def forward(self, student_logits, teacher_logits, labels):
        kl = _kl(student_logits, teacher_logits)
        if not self.hard:
            return kl
        return kl + F.cross_entropy(student_logits.flatten(0, -2), labels.flatten(), reduction=self.reduction)


@pytest.mark.parametrize(
    "loss", [of_no_weight, of_a_plain_number, Switched, off, switched, handed, declared, first_places]
)
def test_what_serves_an_optional_part_is_allowed_and_noted(loss):
    (line,) = [line for line in judged(loss, only=ONLY).lines if line.name == "arguments_have_effect"]
    assert line.standing is Standing.ALLOWED
    assert "labels" in line.says or "mask has no effect: the first place" in line.says


def mixed(student_logits, teacher_logits, labels, temperature=2.0, alpha=0.5):
    t = temperature
    mine, theirs = F.log_softmax(student_logits / t, dim=-1), F.softmax(teacher_logits / t, dim=-1)
    kl = F.kl_div(mine, theirs, reduction="none").sum(-1).mean() * t * t
    return alpha * kl + (1 - alpha) * F.cross_entropy(student_logits.flatten(0, -2), labels.flatten())


def kept(student_logits, teacher_logits, labels, ignore_index=-100):
    some = labels != ignore_index
    rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    return (rows * some).sum() / some.sum().clamp(min=1)


def by_its_caller(student_logits, labels, teacher_logits, alpha):
    return alpha * _kl(student_logits, teacher_logits) + (1 - alpha) * F.cross_entropy(
        student_logits.flatten(0, -2), labels.flatten()
    )


@pytest.mark.parametrize("loss", [mixed, kept, by_its_caller])
def test_one_that_acts_is_not_told(loss):
    report = check(loss, only=ONLY)
    assert not any("no effect" in line.says or "serves" in line.says for line in report.lines if "arg" in line.name)


def test_what_was_assumed_says_how_to_say_otherwise():
    report = check(mixed, only=ONLY)
    assert any("--adapter" in said for said in report.assumed)
    (line,) = [line for line in report.lines if line.name == "arguments_have_effect"]
    assert line.standing is Standing.ALLOWED
    assert "taken for a loss of classes" in line.says


class Inherited(nn.modules.loss._Loss):
    def forward(self, output, target):
        return _kl(output, target).mean()


class Promised(Inherited):
    def __init__(self, reduction="mean"):
        super().__init__(reduction=reduction)


def test_what_torchs_constructor_takes_is_no_promise():
    (line,) = [line for line in judged(Inherited, only=ONLY).lines if line.name == "arguments_have_effect"]
    assert line.standing is not Standing.BROKEN
    (line,) = [line for line in judged(Promised, only=ONLY).lines if line.name == "arguments_have_effect"]
    assert "the argument reduction has no effect" in line.says
