"""What is asked for: which terms, and whether one kernel knows it all."""

from __future__ import annotations

import torch

from sad import tiny
from sad.batch import ALM, KD, LM
from sad.head.job import Block, Chunks, Compared, Job
from sad.head.linear import Head
from sad.head.target import Live, TopK


def test_the_terms_that_are_asked_for() -> None:
    head, token = Head(torch.randn(5, 2)), torch.arange(3)
    compared = Compared(Live(torch.randn(3, 2), head, tiny.pair(320, 320).vocab), token, 5)
    chunks = Chunks(torch.zeros(()), torch.zeros(3))
    assert Job(head, token, compared, chunks, None, False).terms == (KD, LM, ALM)
    assert Job(head, None, compared, None, None, False).terms == (KD,)
    assert Job(head, None, None, None, None, False).terms == (LM,)


def test_kernels_know_lists_and_a_live_teacher_of_one_tokenizer_and_nothing_that_is_measured() -> None:
    head, at = Head(torch.randn(5, 2)), torch.arange(3)
    one, two = (tiny.pair(320, size).vocab for size in (320, 448))
    live = Live(torch.randn(3, 2), head, one)
    listed = TopK(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1), torch.zeros(3))

    def simple(compared: Compared | None, measure: bool = False) -> bool:
        return Job(head, at, compared, None, None, measure).simple

    assert simple(None)
    assert simple(Compared(live, at, 5))
    assert not simple(Compared(live, at, 5), measure=True)
    assert not simple(Compared(Live(live.hidden, head, two), at, 5))
    assert simple(Compared(listed, at, 5))
    assert simple(Compared(listed, at, 5, row_weight=lambda values: values))
    assert not simple(Compared(listed, at, 5), measure=True)
    assert not simple(Compared(live, at, 5, row_weight=lambda values: values))


def test_a_block_counts_its_compared_rows() -> None:
    assert Block(torch.arange(7), slice(3, 5)).compared == 2
