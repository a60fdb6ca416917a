"""A loss of a teacher's likeliest tokens is judged, and it is told what a short list makes of it."""

from __future__ import annotations

import pytest
import torch

from sad.judge.losses import checks
from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.listed import over_fewer


def _both(student_logits, log_p, ids):
    return student_logits.log_softmax(-1).gather(-1, ids), log_p


def bare(student_logits, teacher_topk_logprobs, teacher_topk_ids):
    q, p = _both(student_logits, teacher_topk_logprobs, teacher_topk_ids)
    return (p.exp() * (p - q)).sum(-1).mean()


def renormalised(student_logits, target_logprobs, target_token_ids):
    q, p = _both(student_logits, target_logprobs, target_token_ids)
    return bare(q, p.log_softmax(-1), _places(q))


def _places(q):
    return torch.arange(q.shape[-1]).expand(q.shape)


def with_the_rest(student_logits, sparse_log_probs, sparse_ids):
    q, p = _both(student_logits, sparse_log_probs, sparse_ids)
    rest = [torch.log1p(-x.exp().sum(-1).clamp(max=1 - 1e-12)) for x in (q, p)]
    return ((p.exp() * (p - q)).sum(-1) + rest[1].exp() * (rest[1] - rest[0])).mean()


def backwards(student_topk_logprobs, teacher_topk_logprobs):
    return (student_topk_logprobs.exp() * (student_topk_logprobs - teacher_topk_logprobs)).sum(-1).mean()


def halved(student_logits, teacher_topk_logprobs, teacher_topk_ids):
    """A mistake: the list is read as if its ids were in order."""
    q, p = student_logits.log_softmax(-1)[..., : teacher_topk_ids.shape[-1]], teacher_topk_logprobs
    return (p.exp() * (p - q)).sum(-1).mean()


@pytest.mark.parametrize(
    ("loss", "name", "says"),
    [
        (bare, "forward KL", "its terms of the listed tokens alone"),
        (renormalised, "forward KL", "that between both sides renormalised"),
        (with_the_rest, "forward KL", "that with one more entry for all other tokens"),
        (backwards, "reverse KL", "its terms of the listed tokens alone"),
    ],
)
def test_a_list_is_judged(loss, name, says):
    shape = discover(Call(loss), 0)
    assert found(shape, 0).name == name
    told = over_fewer(shape)
    assert len(told) == 1
    assert says in told[0]


def test_ids_that_are_not_read_are_seen():
    whole = found(discover(Call(halved), 0), 0)
    assert not checks.known_divergence(whole).holds


def test_nothing_is_said_of_logits():
    def plain(student_logits, teacher_logits):
        return bare(student_logits, teacher_logits.log_softmax(-1), _places(student_logits))

    assert over_fewer(discover(Call(plain), 0)) == []


def of_chosen(self_logits, prev_logits, active_units):
    at = list(active_units)
    return kl(self_logits[..., at].log_softmax(-1), prev_logits[..., at].log_softmax(-1))


def of_chosen_late(self_logits, prev_logits, active_units):
    at = list(active_units)
    return kl(self_logits.log_softmax(-1)[..., at], prev_logits.log_softmax(-1)[..., at])


def kl(log_q, log_p):
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def of_the_likeliest(student_logits, teacher_logits, k: int = 3):
    log_p, at = teacher_logits.log_softmax(-1).topk(k, dim=-1)
    return kl(student_logits.log_softmax(-1).gather(-1, at), log_p)


def test_a_softmax_before_the_tokens_are_chosen_is_broken():
    """ContinualAI/avalanche issue 1018."""
    assert not found(discover(Call(of_chosen), 0), 0).faults
    assert "pulls the student away" in found(discover(Call(of_chosen_late), 0), 0).faults[0]


def test_a_top_k_is_of_all_tokens_and_what_fewer_are_is_told():
    shape = discover(Call(of_the_likeliest), 0)
    assert shape.fit.family.name == "forward KL"
    assert over_fewer(shape) == [
        "every token is kept; of a shorter list it is its terms of the listed tokens alone, not renormalised: the "
        "other tokens are not pulled together"
    ]
