# ruff: noqa: ARG002
"""What a criterion of fairseq is given, and weights of which a text has one."""

from __future__ import annotations

import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.leave_open import settled
from sad.judge.losses.session import session
from sad.subjects.divergence import Reduction, Takes
from sad.verdict import Standing


class Criterion:
    """As fairseq has them: a model, a batch, and a padding that the object knows; the divergence is a sum."""

    def __init__(self, args):
        self.kd_weight = args.kd_weight
        self.top_k_tokens = getattr(args, "top_k_tokens", 4)

    def rows(self, model, sample):
        out = model(**sample["net_input"])
        lprobs = model.get_normalized_probs(out, log_probs=True)
        lprobs = lprobs.view(-1, lprobs.size(-1))
        other = self.teacher_models[0]
        probs = other.get_normalized_probs(other(**sample["net_input"]), log_probs=False).detach()
        target = model.get_targets(sample, out).view(-1, 1)
        keep = target.ne(self.padding_idx)
        best, at = probs.view(-1, probs.size(-1)).topk(self.top_k_tokens, dim=-1)
        kd = -(best * lprobs.gather(-1, at)).sum(-1, keepdim=True)
        return -lprobs.gather(-1, target)[keep].sum(), kd, keep

    def forward(self, model, sample, reduce=True):
        nll, kd, keep = self.rows(model, sample)
        return (1 - self.kd_weight) * nll + self.kd_weight * kd[keep].sum(), sample["ntokens"], {}

    def padded(self, model, sample, reduce=True):
        nll, kd, _ = self.rows(model, sample)
        return (1 - self.kd_weight) * nll + self.kd_weight * kd.sum(), sample["ntokens"], {}


def test_a_criterion_of_fairseq_is_called_and_its_padding_counts_where_it_should_not():
    one = found(discover(Call(Criterion.forward, owner=Criterion), 0), 0)
    assert (one.name, one.known, one.faults) == ("forward KL", True, ())
    assert settled("ignored_rows", one.divergence).holds
    other = found(discover(Call(Criterion.padded, owner=Criterion), 0), 0)
    assert not settled("ignored_rows", other.divergence).holds


class Labelled(Criterion):
    """A cross-entropy alone, over a padding of the vocabulary."""

    def forward(self, model, sample, reduce=True):
        out = model(**sample["net_input"])
        lprobs = model.get_normalized_probs(out, log_probs=True)
        target = model.get_targets(sample, out)
        return F.nll_loss(lprobs.flatten(0, 1), target.flatten(), ignore_index=self.padding_idx, reduction="sum"), 1


def test_labels_of_fairseq_are_in_step():
    call, only = Call(Labelled.forward, owner=Labelled), ("known_divergence", "ignored_rows")
    told = [one["line"] for one in session(call, "a.py:Labelled", only=only) if "line" in one]
    assert [line.name for line in told if line.standing is Standing.BROKEN] == []


def pooled(states, mask):
    return (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def weighed(student_hidden, teacher_hidden, attention_mask, sample_weights=None):
    mask = attention_mask.to(student_hidden.dtype)
    each = (pooled(student_hidden, mask) - pooled(teacher_hidden, mask)).square().mean(-1)
    return each.mean() if sample_weights is None else (each * sample_weights).sum() / sample_weights.sum()


def unmasked(student_hidden, teacher_hidden, attention_mask, sample_weights=None):
    mask = attention_mask.to(student_hidden.dtype)
    each = (pooled(student_hidden, mask) - teacher_hidden.mean(1)).square().mean(-1)
    return each.mean() if sample_weights is None else (each * sample_weights).sum() / sample_weights.sum()


def test_a_text_has_one_weight():
    for loss, holds in ((weighed, True), (unmasked, False)):
        one = found(discover(Call(loss), 0), 0)
        assert one.shape.call.form.rank == 3
        assert settled("ignored_rows", one.divergence).holds is holds


class Returned:
    """A criterion of fairseq's: its loss is made of what the model returned."""

    def __init__(self, task, sentence_avg, alpha):
        self.task, self.alpha, self.sentence_avg = task, alpha, sentence_avg

    def compute_loss(self, model, net_output, sample):
        lprobs = model.get_normalized_probs(net_output, log_probs=True).flatten(0, 1)
        target = model.get_targets(sample, net_output).flatten()
        theirs = sample["teacher_logits"].flatten(0, 1).softmax(-1)
        keep = target != self.padding_idx
        label = F.nll_loss(lprobs, target, ignore_index=self.padding_idx, reduction="sum")
        return (1 - self.alpha) * label + self.alpha * self.rows(F.kl_div(lprobs, theirs, reduction="none"), keep)

    def rows(self, terms, keep):
        return terms[keep].sum()


class Diluted(Returned):
    def rows(self, terms, keep):
        return terms.sum() + 0 * keep.sum()


def test_what_a_model_returned_is_given_beside_it():
    told = found(discover(Call(Returned.compute_loss, Returned), 0), 0)
    assert (told.name, told.faults) == ("forward KL", ())
    assert told.divergence.contract.reduction is Reduction.SUM
    assert Takes.LABELS in told.divergence.contract.takes
    for of, broken in ((Returned, False), (Diluted, True)):
        events = session(Call(of.compute_loss, of), "here", only=("ignored_rows",))
        standings = [event["line"].standing for event in events if "line" in event]
        assert (Standing.BROKEN in standings) is broken
