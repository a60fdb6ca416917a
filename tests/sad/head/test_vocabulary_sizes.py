"""The pass on padded vocabularies, on one of a real size, and against lists of tokens; and what each costs."""

from __future__ import annotations

import math

import pytest
import torch
from vocabulary_rig import Rig, noise

from sad import tiny
from sad.batch import KD, LM
from sad.head import blocks
from sad.head.linear import Head
from sad.head.target import Live, TopK
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses.kd import Divergence, Kind


@pytest.mark.parametrize("padding", [(128, 0), (0, 128), (128, 384)])
def test_padded_vocabularies_compare_real_tokens_alone(padding: tuple[int, int]) -> None:
    """As a pair of 151,936 and 152,064 rows, and loud ones: to the last bit what the pair without padding gives."""
    found = []
    for extra in ((0, 0), padding):
        rig = Rig()
        size = rig.live.vocab.student_size
        loud = [torch.full((rows, width), 9.0) for rows, width in zip(extra, (6, 5), strict=True)]
        weight = torch.cat([rig.weight.detach()[:size], loud[0]]).requires_grad_()
        live = Live(rig.live.hidden, Head(torch.cat([rig.live.head.weight[:size], loud[1]])), rig.live.vocab)
        passed = vocabulary_pass(rig.hidden, Head(weight), None, Compared(live, rig.at, size))
        passed.kd.backward()
        assert not bool(weight.grad[size:].any())
        found.append((passed.kd.detach(), rig.hidden.grad, weight.grad[:size]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


def test_vocabularies_of_the_size_of_a_real_pair() -> None:
    """Qwen's: 151,665 tokens, heads of 151,936 and 152,064 rows; against one row at a time in float64."""
    tokens, rows = 151_665, (151_936, 152_064)
    vocab = tiny.pair(320, 320).vocab.__class__.__new__(tiny.pair(320, 320).vocab.__class__)
    vocab.student_size = vocab.teacher_size = tokens
    vocab.identity = True
    hidden, weight = noise(3, 4, seed=1).requires_grad_(), noise(rows[0], 4, seed=2)
    theirs, teacher = noise(2, 4, seed=3), noise(rows[1], 4, seed=4)
    token, at = torch.tensor([7, 151_900, 3]), torch.tensor([2, 0])
    compared = Compared(Live(theirs, Head(teacher), vocab), at, tokens)
    found = vocabulary_pass(hidden, Head(weight), token, compared, scales={KD: 1.0, LM: 1.0})
    leaf = hidden.detach().double().requires_grad_()
    logits = leaf @ weight.double().T
    p = (theirs.double() @ teacher[:tokens].double().T).softmax(-1)
    kd = (p * (p.log() - logits[at, :tokens].log_softmax(-1))).sum()
    lm = torch.nn.functional.cross_entropy(logits, token, reduction="sum")
    assert float(found.kd.detach()) == pytest.approx(float(kd.detach()), rel=1e-5)
    assert float(found.lm.detach()) == pytest.approx(float(lm.detach()), rel=1e-5)
    (got,) = torch.autograd.grad(found.kd + found.lm, hidden)
    (right,) = torch.autograd.grad(kd + lm, leaf)
    assert float((got - right).norm() / right.norm()) < 1e-5


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("scaled", [True, False])
def test_a_list_of_tokens_with_the_rest_as_one_is_the_whole_where_it_holds_all(kind: Kind, scaled: bool) -> None:
    rig = Rig(temperature=2.0)
    size = rig.live.vocab.student_size
    log_p = rig.live.block(slice(None), 2.0)
    ids = log_p.argsort(dim=-1, descending=True)
    listed = TopK(ids, log_p.gather(-1, ids), torch.full((7,), -math.inf), 2.0)
    scales = {KD: 1.0, LM: 0.5} if scaled else None
    found = []
    for target in (rig.live, listed):
        compared = Compared(target, rig.at, size, Divergence(kind, 2.0, 0.3))
        passed = vocabulary_pass(rig.hidden, rig.head, rig.token, compared, scales=scales)
        found.append((passed.kd.detach(), *torch.autograd.grad(passed.kd + 0.5 * passed.lm, rig.leaves)))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_a_list_costs_three_products_a_row_and_a_teacher_four(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    rig = Rig()
    size = rig.live.vocab.student_size
    listed = TopK(torch.zeros(7, 1, dtype=torch.int64), torch.full((7, 1), -0.1), torch.full((7,), -2.4))
    monkeypatch.setattr(blocks, "BLOCK", {"cpu": 200})
    monkeypatch.setattr(blocks, "LEAST_ROWS", 1)
    mine, theirs = 2 * len(rig.weight) * 6, 2 * size * 5
    more = {torch.ops.aten.addmm_: lambda _, a, b, *__, **___: 2 * a[0] * a[1] * b[1]}
    for target, teacher in ((rig.live, theirs), (listed, 0)):
        with FlopCounterMode(display=False, custom_mapping=more) as counter:
            compared = Compared(target, rig.at, size)
            found = vocabulary_pass(rig.hidden, rig.head, rig.token, compared, scales={KD: 1.0, LM: 1.0})
            (found.kd + found.lm).backward()
        # of the twelve rows seven are compared
        assert counter.get_total_flops() == 12 * 3 * mine + 7 * teacher
