"""The pass against all logits held at once in float64: values, gradients to states, weight and bias, in any blocks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from vocabulary_rig import ONE, TWO, VOCABS, Rig, noise

from sad.batch import ALM, KD, LM
from sad.head import blocks
from sad.head.linear import IDENTITY
from sad.head.target import Live
from sad.head.vocabulary import Chunks, Compared, common_factor, vocabulary_pass
from sad.losses.kd import Divergence

HEADS = st.fixed_dictionaries(
    {"bias": st.booleans(), "scale": st.sampled_from([1.0, 0.25]), "softcap": st.sampled_from([None, 2.0])}
)


@given(
    st.sampled_from([ONE, TWO]),
    st.sampled_from([1.0, 2.0]),
    HEADS,
    st.booleans(),
    st.sampled_from([1, 200, 10**6]),
    st.sampled_from([1, 100, 10**6]),
)
def test_values_and_gradients_are_the_plain_ones(
    sizes: tuple[int, int], temperature: float, head: dict[str, Any], announced: bool, block: int, piece: int
) -> None:
    rig, (a, b) = Rig(sizes, temperature, **head), (0.7, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", {"cpu": block})
        patch.setattr(blocks, "PIECE", {"cpu": piece})
        patch.setattr(blocks, "FEWEST", 1)
        patch.setattr(blocks, "LEAST_ROWS", 1)
        scales = {KD: 2 * a, LM: 2 * b, "another": 3.0} if announced else None
        found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared, scales=scales)
    kd, lm, slopes = rig.plain(a, b)
    assert float(found.kd.detach()) == pytest.approx(kd, rel=1e-5)
    assert float(found.lm.detach()) == pytest.approx(lm, rel=1e-5)
    for got, right in zip(torch.autograd.grad(a * found.kd + b * found.lm, rig.leaves), slopes, strict=True):
        assert float((got - right).norm() / right.norm()) < 1e-5


def test_padding_rows_of_the_head_get_no_gradient_from_kd() -> None:
    rig = Rig()
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared)
    (of_kd,) = torch.autograd.grad(found.kd, rig.weight, retain_graph=True)
    (of_lm,) = torch.autograd.grad(found.lm, rig.weight)
    assert not bool(of_kd[-5:].any())
    assert bool(of_lm[-5:].any())


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.7, 0.0), (0.0, 0.3), (-0.7, 0.3)])
def test_other_factors_than_announced_are_refused(factors: tuple[float, float]) -> None:
    rig = Rig()
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared, scales={KD: 0.7, LM: 0.3})
    with pytest.raises(RuntimeError, match="to be multiplied in the proportion"):
        (factors[0] * found.kd + factors[1] * found.lm).backward()


def test_a_factor_that_is_not_a_number_shows() -> None:
    factors = {KD: torch.tensor(0.7), LM: torch.tensor(math.nan)}
    assert math.isnan(float(common_factor(factors, {KD: 0.7, LM: 0.3})))
    rig = Rig()
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared, scales={KD: 0.7, LM: 0.3})
    (0.7 * found.kd + 0.3 * found.lm * math.nan).backward()
    assert bool(rig.weight.grad.isnan().all())


@pytest.mark.parametrize("scales", [None, {KD: 1.0, LM: 1.0}])
def test_nothing_sums_to_zero_and_stays_in_the_graph(scales: dict[str, float] | None) -> None:
    rig, none = Rig(), torch.empty(0, dtype=torch.int64)
    compared = Compared(Live(rig.live.hidden[:0], rig.live.head, rig.live.vocab), none, rig.live.vocab.student_size)
    found = vocabulary_pass(rig.hidden[:0], rig.head, none, compared, scales=scales)
    (found.kd + found.lm).backward()
    assert (float(found.kd.detach()), float(found.lm.detach())) == (0.0, 0.0)
    assert not bool(rig.weight.grad.any())
    assert rig.hidden.grad is not None


def test_one_term_alone_is_what_it_is_beside_the_other() -> None:
    rig = Rig()
    both = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared)
    lm = vocabulary_pass(rig.hidden, rig.head, rig.token)
    kd = vocabulary_pass(rig.hidden, rig.head, None, rig.compared)
    torch.testing.assert_close((kd.kd, lm.lm), (both.kd, both.lm))
    assert (float(kd.lm.detach()), float(lm.kd.detach())) == (0.0, 0.0)


def test_weights_of_rows_are_taken_from_their_values_and_weigh_the_gradient_alone() -> None:
    rig = Rig()
    seen: list[Tensor] = []

    def weigh(values: Tensor) -> Tensor:
        assert not values.requires_grad
        seen.append(values)
        return (values > values.median()).float() * 2.0

    rig.compared = Compared(rig.live, rig.at, rig.live.vocab.student_size, Divergence(), weigh)
    found = vocabulary_pass(rig.hidden, rig.head, None, rig.compared)
    (values,) = seen
    weights = weigh(values)
    assert float(found.kd.detach()) == pytest.approx(float(values.sum()), rel=1e-6)
    (slope,) = torch.autograd.grad(found.kd, rig.hidden)
    assert not bool(slope[rig.at[weights == 0]].any())
    assert bool(slope[rig.at[weights > 0]].any(dim=-1).all())


@pytest.mark.parametrize("trained", [(True, False), (False, True), (False, False)])
def test_only_what_is_trained_gets_a_gradient(trained: tuple[bool, bool]) -> None:
    rig = Rig()
    rig.hidden.requires_grad_(trained[0])
    rig.weight.requires_grad_(trained[1])
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared)
    assert found.kd.requires_grad == any(trained)
    if any(trained):
        (found.kd + found.lm).backward()
    assert (rig.hidden.grad is not None, rig.weight.grad is not None) == trained


def test_half_precision_and_autocast_change_no_type_but_the_gradients() -> None:
    rig = Rig()
    right = vocabulary_pass(rig.hidden.bfloat16().float(), rig.head, rig.token, rig.compared)
    half = rig.hidden.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = vocabulary_pass(half, rig.head, rig.token, rig.compared)
    torch.testing.assert_close((found.kd, found.lm), (right.kd, right.lm))
    found.kd.backward()
    assert half.grad.dtype == torch.bfloat16
    assert rig.weight.grad.dtype == torch.float32


def test_states_that_are_logits_are_not_overwritten() -> None:
    vocab = VOCABS[ONE]
    logits, theirs = noise(4, vocab.student_size, seed=7), noise(4, vocab.student_size, seed=8)
    kept = logits.clone(), theirs.clone()
    compared = Compared(Live(theirs, IDENTITY, vocab), torch.arange(4), vocab.student_size)
    vocabulary_pass(logits.requires_grad_(), IDENTITY, torch.arange(4), compared).kd.backward()
    assert torch.equal(logits.detach(), kept[0])
    assert torch.equal(theirs, kept[1])


def test_signals_are_summed_over_the_compared_rows() -> None:
    rig = Rig(TWO, temperature=2.0)
    plain = Rig(TWO, temperature=1.0)
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared, measure=True).signals
    again = vocabulary_pass(plain.hidden, plain.head, plain.token, plain.compared, measure=True).signals
    assert found == again
    assert 0 < float(found["mapped"]) <= 7
    assert 0 <= float(found["agreement"]) <= 7
    assert vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared).signals == {}


@given(HEADS, st.booleans(), st.booleans(), st.sampled_from([1, 200, 10**6]))
def test_chunks_have_the_gradient_of_the_weighted_labels(
    head: dict[str, Any], announced: bool, alone: bool, block: int
) -> None:
    rig, weight = Rig(ONE, 2.0, **head), noise(12, seed=9)
    factors = {KD: 0.0 if alone else 0.7, LM: 0.0 if alone else 0.3, ALM: 0.5}
    chunks = Chunks(torch.tensor(4.5), weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", {"cpu": block})
        patch.setattr(blocks, "LEAST_ROWS", 1)
        found = vocabulary_pass(
            *(rig.hidden, rig.head, rig.token, None if alone else rig.compared, chunks),
            scales={name: 3 * factor for name, factor in factors.items()} if announced else None,
        )
    assert float(found.alm.detach()) == 4.5
    leaves = [leaf.detach().double().requires_grad_() for leaf in rig.leaves]
    logits = rig.head.scale * (leaves[0] @ leaves[1].T + (leaves[2] if rig.bias is not None else 0.0))
    if rig.head.softcap:
        logits = rig.head.softcap * torch.tanh(logits / rig.head.softcap)
    nats = torch.nn.functional.cross_entropy(logits, rig.token, reduction="none")
    right = torch.autograd.grad(factors[ALM] * (weight.double() * nats).sum(), leaves)
    _, _, others = rig.plain(factors[KD], factors[LM])
    loss = factors[KD] * found.kd + factors[LM] * found.lm + factors[ALM] * found.alm
    for got, own, other in zip(torch.autograd.grad(loss, rig.leaves), right, others, strict=True):
        assert float((got - (own + other)).norm() / (own + other).norm()) < 1e-5


def test_another_factor_of_the_chunks_than_announced_is_refused() -> None:
    rig, chunks = Rig(), Chunks(torch.tensor(1.0), noise(12))
    found = vocabulary_pass(rig.hidden, rig.head, rig.token, rig.compared, chunks, scales={KD: 0.7, LM: 0.3, ALM: 0.1})
    with pytest.raises(RuntimeError, match="to be multiplied in the proportion"):
        (0.7 * found.kd + 0.3 * found.lm + 0.2 * found.alm).backward()
