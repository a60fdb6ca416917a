"""Targets give the same rows whole and in pieces; a list of tokens knows one temperature."""

from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.head.linear import Head
from sad.head.target import Live, Stored, TopK


@pytest.mark.parametrize("sizes", [(320, 320), (320, 448)], ids=["one tokenizer", "two"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_live_target_is_the_projected_softmax_of_its_head(sizes: tuple[int, int], temperature: float) -> None:
    vocab = tiny.pair(*sizes).vocab
    head = Head(torch.randn(vocab.teacher_size + 7, 16))
    of = Live(torch.randn(9, 16, requires_grad=True), head, vocab)
    whole = of.block(slice(None), temperature)
    assert whole.shape == (len(of), vocab.student_size)
    assert not whole.requires_grad
    torch.testing.assert_close(whole, vocab.project(head.logits(of.hidden.detach()), temperature))
    torch.testing.assert_close(
        torch.cat([of.block(slice(0, 4), temperature), of.block(slice(4, 9), temperature)]), whole
    )
    torch.testing.assert_close(of.mapped(slice(2, 5)), vocab.mass(head.logits(of.hidden.detach()))[2:5])


def test_a_list_of_tokens_is_at_one_temperature() -> None:
    of = TopK(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1), torch.full((3,), -torch.inf), 2.0)
    assert len(of) == 3
    assert of.block(slice(1, 3), 2.0).ids.shape == (2, 1)
    assert torch.equal(of.mapped(slice(1, 3)), torch.ones(2))
    with pytest.raises(ValueError, match=r"is at temperature 2\.0, not 1\.0"):
        of.block(slice(0, 1), 1.0)


def test_stored_lists_are_chosen_by_their_temperature() -> None:
    lists = tuple(
        TopK(torch.full((3, 1), i), torch.zeros(3, 1), torch.zeros(3), heat) for i, heat in ((7, 2.0), (8, 1.0))
    )
    of = Stored(lists, torch.tensor([0.1, 0.2, 0.3]))
    assert len(of) == 3
    assert of.block(slice(0, 2), 2.0).ids.tolist() == [[7], [7]]
    assert of.block(slice(0, 1), 1.0).ids.tolist() == [[8]]
    assert torch.equal(of.mapped(slice(1, 3)), torch.tensor([0.2, 0.3]))
    assert torch.equal(Stored(lists).mapped(slice(1, 3)), torch.ones(2))
    with pytest.raises(ValueError, match=r"is at temperature 2\.0, not 3\.0"):
        of.block(slice(0, 1), 3.0)


def test_a_live_target_has_a_column_for_each_of_the_teachers_tokens() -> None:
    vocab = tiny.pair(320, 448).vocab
    of = Live(torch.randn(9, 16), Head(torch.randn(vocab.teacher_size + 7, 16)), vocab)
    assert (len(of), of.columns) == (9, vocab.teacher_size)
