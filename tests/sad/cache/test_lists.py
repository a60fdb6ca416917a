"""The list is the top of the projected distribution; its tail is the mass of the rest, not 1 minus a rounded sum."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.vocab import VocabMap
from sad.cache import lists
from sad.cache.lists import listed
from sad.errors import UserError
from sad.head.linear import IDENTITY
from sad.head.target import Live


def same(size: int) -> VocabMap:
    one: Any = SimpleNamespace(size=size, fingerprint="one")
    return VocabMap(one, one)


@given(st.integers(0, 6), st.integers(2, 60), st.integers(1, 60), st.sampled_from([0.5, 1.0, 3.0]), st.integers(0, 9))
def test_it_is_the_top_of_the_distribution_and_the_mass_of_the_rest(
    rows: int, size: int, k: int, heat: float, seed: int
) -> None:
    k = min(k, size)
    logits = 5 * torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))
    (found,) = listed(Live(logits, IDENTITY, same(size)), [(heat, k)], mass=False).lists
    p = (logits.double() / heat).softmax(dim=-1)
    for row in range(rows):
        order = sorted(range(size), key=lambda token, row=row: -float(p[row, token]))
        assert found.ids[row].tolist() == order[:k]
        rest = float(p[row, order[k:]].sum())
        torch.testing.assert_close(found.log_probs[row].double().exp(), p[row, order[:k]], rtol=2e-6, atol=1e-12)
        assert float(found.tail[row].double().exp()) == pytest.approx(rest, rel=1e-5)


def test_a_small_rest_is_not_lost_beside_one() -> None:
    logits = torch.tensor([[0.0, -20.0, -21.0]])
    (found,) = listed(Live(logits, IDENTITY, same(3)), [(1.0, 1)], mass=False).lists
    assert float(found.tail) == pytest.approx(-20 + float(torch.tensor(1 + 2.718281828**-1).log()), rel=1e-5)


def test_ids_are_the_students_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vocab = tiny.pair(320, 448).vocab
    live = Live(torch.randn(7, vocab.teacher_size), IDENTITY, vocab)
    asked = [(2.0, 9), (1.0, 3)]
    found = listed(live, asked, mass=True)
    every = vocab.project(live.hidden, 2.0)
    assert torch.equal(found.lists[0].ids, every.topk(9, dim=-1).indices)
    assert found.mass is not None
    torch.testing.assert_close(found.mass, vocab.mass(live.hidden))
    monkeypatch.setattr(lists, "BLOCK", 1)
    assert torch.equal(listed(live, asked, mass=True).lists[1].ids, found.lists[1].ids)


def test_a_teacher_that_gives_no_numbers_is_refused() -> None:
    live = Live(torch.tensor([[0.0, torch.nan]]), IDENTITY, same(2))
    with pytest.raises(UserError, match=r"not numbers here: load it in fp32"):
        listed(live, [(1.0, 1)], mass=False)
