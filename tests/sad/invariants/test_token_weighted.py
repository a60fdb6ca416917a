import math

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.token_weighted import VOCABULARY, token_weighted
from sad.shipped.metric import metric
from sad.subjects.metric import ACCURACY, AGREEMENT, ENTROPY, KL, LM_LOSS, PERPLEXITY


def sums(batch, *, shift=True, mask=True):
    """Of one batch: every number's sum over its labels, and how many there are."""
    student, teacher = batch.student_logits[:, :-1].flatten(0, 1), batch.teacher_logits[:, :-1].flatten(0, 1)
    labels = (batch.labels[:, 1:] if shift else batch.labels[:, :-1]).flatten()
    keep = labels != -100 if mask else torch.ones_like(labels, dtype=torch.bool)
    labels = batch.labels[:, 1:].flatten()[keep]
    log_q, log_p = student[keep].log_softmax(-1), teacher[keep].log_softmax(-1)
    return {
        "count": int(keep.sum()),
        LM_LOSS: F.nll_loss(log_q, labels, reduction="sum").item(),
        ACCURACY: (log_q.argmax(-1) == labels).sum().item(),
        ENTROPY: -(log_q.exp() * log_q).sum().item(),
        KL: (log_p.exp() * (log_p - log_q)).sum().item(),
        AGREEMENT: (log_q.argmax(-1) == log_p.argmax(-1)).sum().item(),
    }


def added(parts):
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def divided(total):
    means = {name: value / total["count"] for name, value in total.items() if name != "count"}
    return {**means, PERPLEXITY: math.exp(means[LM_LOSS])}


def all_at_once(processes):
    return divided(added([sums(batch) for batches in processes for batch in batches]))


def process_by_process(processes):
    """As a reduction over a group does it."""
    return divided(added([added([sums(batch) for batch in batches]) for batches in processes]))


def only(*names):
    return lambda processes: {name: all_at_once(processes)[name] for name in names}


@pytest.mark.parametrize("right", [all_at_once, process_by_process, only(KL), only(ACCURACY, ENTROPY), metric()])
def test_right_implementations_hold(right):
    verdict = token_weighted(right)
    assert verdict.holds, verdict.says


def of_batches(processes):
    each = [divided(sums(batch)) for batches in processes for batch in batches if sums(batch)["count"]]
    return {name: sum(one[name] for one in each) / len(each) for name in each[0]}


def of_texts(processes):
    return of_batches(
        [[type(b)(*(part[i : i + 1] for part in parts(b))) for b in p for i in range(len(b.labels))] for p in processes]
    )


def parts(batch):
    return batch.student_logits, batch.teacher_logits, batch.labels


def first_process(processes):
    return all_at_once(processes[:1])


def own_count(processes):
    total = added([sums(batch) for batches in processes for batch in batches])
    return divided({**total, "count": added([sums(batch) for batch in processes[0]])["count"]})


def changed(name, change):
    return lambda processes: {name: change(all_at_once(processes)[name])}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (of_batches, "six batches"),
        (of_texts, "one batch"),
        (first_process, "two processes"),
        (own_count, "two processes"),
        (lambda p: divided(added([sums(b, shift=False, mask=True) for bs in p for b in bs])), "one batch"),
        (lambda p: {KL: added([sums(b, mask=False) for bs in p for b in bs])[KL] / 78}, "one batch"),
        (changed(LM_LOSS, lambda loss: min(loss, 20.0)), "too sure"),
        (changed(PERPLEXITY, lambda value: min(value, math.exp(20))), "too sure"),
        (changed(ENTROPY, lambda value: value / math.log(VOCABULARY)), "entropy"),
        (changed(KL, lambda _: math.nan), "kl nan"),
        (changed(ACCURACY, lambda value: 100 * value), "accuracy"),
        (lambda _: {}, "nothing is reported"),
        (lambda _: {"eval_score": 1.0}, "nothing is reported"),
        (lambda _: {KL: None}, "one batch: float() argument"),
        (lambda _: 1 / 0, "division by zero"),
    ],
)
def test_wrong_ones_break_it_and_the_situation_is_named(wrong, says):
    verdict = token_weighted(wrong)
    assert not verdict.holds
    assert says in verdict.says


def test_a_student_that_knows_nothing_has_the_perplexity_of_its_vocabulary():
    seen = []

    def look(processes):
        told = all_at_once(processes)
        seen.append(told[PERPLEXITY])
        return told

    assert token_weighted(look).holds
    assert seen[-2] == pytest.approx(VOCABULARY, rel=1e-3)
    assert seen[-1] > 1e20
