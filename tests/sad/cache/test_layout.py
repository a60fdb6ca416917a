"""A record gives back what was put in: exactly in float32, within the grid's bound in fewer bits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.cache.layout import EXACT, Layout, layout
from sad.head.target import Stored, TopK


def random_list(rows: int, vocabulary: int, k: int, temperature: float, seed: int) -> TopK:
    noise = torch.Generator().manual_seed(seed)
    log_p = (4 * torch.randn(rows, vocabulary, generator=noise)).log_softmax(dim=-1)
    kept, ids = log_p.topk(k, dim=-1)
    return TopK(ids, kept, log_p.scatter(-1, ids, -torch.inf).logsumexp(dim=-1), temperature)


def whole(of: TopK) -> Tensor:
    return torch.logaddexp(of.log_probs.logsumexp(dim=-1), of.tail)


@given(
    st.integers(0, 5), st.integers(2, 3000), st.integers(1, 40), st.sampled_from([10, 12, 16, EXACT]), st.integers(0, 9)
)
def test_a_record_gives_back_what_was_put_in(rows: int, vocabulary: int, k: int, bits: int, seed: int) -> None:
    k = min(k, vocabulary)
    of = Layout(vocabulary, bits, ((2.0, k), (1.0, 1)), mass=True, blocks=(1, 4), width=3)
    lists = tuple(random_list(rows, vocabulary, count, heat, seed) for heat, count in of.lists)
    states = {block: 10.0**block * torch.randn(rows, 3) for block in of.blocks}
    records = of.encode(Stored(lists, torch.rand(rows)), states)
    assert records.shape == (rows, of.size)
    found, blocks = of.decode(records)
    exact = {"rtol": 0.0, "atol": 0.0} if bits == EXACT else {"rtol": 2.0**-9, "atol": 0.0}
    for mine, theirs in zip(lists, found.lists, strict=True):
        assert torch.equal(mine.ids, theirs.ids)
        assert mine.temperature == theirs.temperature
        # half a step of the grid, and what taking it out of the sum moves
        near = {"rtol": 0.0, "atol": 0.0} if bits == EXACT else {"rtol": 4.0 * 2.0**-bits * 8, "atol": 8.0 * 2.0**-bits}
        torch.testing.assert_close(theirs.log_probs, mine.log_probs, **near)
        torch.testing.assert_close(whole(theirs), torch.zeros(rows), rtol=0, atol=2e-6)
    for block in of.blocks:
        torch.testing.assert_close(blocks[block], states[block], **exact, equal_nan=False)


def test_thirty_two_of_a_large_vocabulary_take_less_than_150_bytes() -> None:
    of = Layout(151_936, 12, ((1.0, 32),), mass=False, blocks=(), width=0)
    assert of.size == 32 * 18 // 8 + 32 * 12 // 8 + 2 == 122
    assert replace(of, bits=16).size == 138


def test_no_state_overflows_and_a_state_of_zeros_stays_one() -> None:
    of = Layout(4, 12, ((1.0, 1),), mass=False, blocks=(0,), width=3)
    states = torch.tensor([[3e38, -1e36, 0.0], [0.0, 0.0, 0.0], [1e-20, 5e-21, -1e-20]])
    given = Stored((random_list(3, 4, 1, 1.0, 0),))
    _, blocks = of.decode(of.encode(given, {0: states}))
    torch.testing.assert_close(blocks[0], states, rtol=2.0**-9, atol=0)


@pytest.mark.parametrize("bits", [12, EXACT])
def test_a_place_without_any_mass_stays_one(bits: int) -> None:
    of = Layout(4, bits, ((1.0, 2),), mass=False, blocks=(), width=0)
    nothing = TopK(torch.tensor([[3, 1]]), torch.full((1, 2), -torch.inf), torch.full((1,), -torch.inf))
    (found,) = of.decode(of.encode(Stored((nothing,)), {}))[0].lists
    assert found.log_probs.isneginf().all()
    assert found.tail.isneginf().all()


def test_a_layout_is_read_from_what_it_told() -> None:
    of = Layout(40, 12, ((2.0, 3), (1.0, 5)), mass=True, blocks=(1,), width=8)
    assert layout(of.tree()) == of
    with pytest.raises(KeyError):
        layout({"vocabulary": 3})
