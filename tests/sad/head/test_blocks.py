"""Blocks: every row once, the compared ones first; a padded head's softmax from the one over all its rows."""

from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.head import blocks
from sad.head.blocks import Column, _Loop, _real
from sad.head.job import Compared, Job
from sad.head.linear import Head
from sad.head.products import Products
from sad.head.target import Live
from sad.rows import softmax


def loop(monkeypatch: pytest.MonkeyPatch, size: int, labels: bool = True) -> _Loop:
    monkeypatch.setattr(blocks, "BLOCK", {"cpu": size * 327})
    monkeypatch.setattr(blocks, "LEAST_ROWS", 1)
    vocab, head = tiny.pair(320, 320).vocab, Head(torch.randn(327, 6))
    compared = Compared(Live(torch.randn(4, 5), Head(torch.randn(320, 5)), vocab), torch.tensor([7, 1, 8, 3]), 320)
    job = Job(head, torch.arange(9) if labels else None, compared, None, None, False)
    return _Loop(job, Products(torch.randn(9, 6), head, (False, False, False), ()))


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_every_row_is_in_one_block_and_the_compared_ones_first(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    made = loop(monkeypatch, size)
    found = list(made._blocks())
    assert torch.cat([block.rows for block in found]).tolist() == [7, 1, 8, 3, 0, 2, 4, 5, 6]
    assert all(len(block.rows) <= made.size for block in found)
    assert sum(block.compared for block in found) == 4
    starts = [block.boundaries.start for block in found if block.compared]
    assert starts == list(range(0, 4, made.size))


def test_without_labels_only_the_compared_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = loop(monkeypatch, 3, labels=False)
    assert torch.cat([block.rows for block in made._blocks()]).tolist() == [7, 1, 8, 3]
    # and of the head only the real tokens
    assert made.columns == 320


def test_the_softmax_over_the_real_tokens_is_taken_from_the_one_over_all() -> None:
    logits = 3 * torch.randn(4, 12, dtype=torch.float64)
    mine = logits[:, :9].float()
    found = _real(softmax(logits.float()), mine)
    torch.testing.assert_close(found.q.double(), logits[:, :9].softmax(-1), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found.log_sum.double(), logits[:, :9].logsumexp(-1, keepdim=True), rtol=1e-5, atol=1e-5)


def test_padding_rows_that_own_the_mass_leave_the_real_tokens_a_softmax_of_their_own() -> None:
    logits = torch.randn(2, 12)
    logits[:, 9:] += 90.0
    assert _real(softmax(logits), logits[:, :9]) is None


def test_a_column_sums_what_it_took_and_keeps_nothing_else() -> None:
    column, some = Column(5, torch.device("cpu")), torch.arange(3.0)
    assert float(column.sum()) == 0.0
    column.append(some)
    column.append(some[:0])
    column.append(torch.full((1,), 7.0))
    some.fill_(100.0)
    assert (float(column.sum()), column.count) == (10.0, 4)
